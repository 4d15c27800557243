"""Takes jobs one after the other, runs them and says how they ended."""

import logging

import attrs
import trio

from kiq_trio._keeping import give_up
from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.failing import Failures
from kiq_trio._pipeline.gate import Gate
from kiq_trio._pipeline.ledger import Ledger, Run
from kiq_trio._pipeline.recalls import Recall, is_meant
from kiq_trio._pipeline.runner import Runner
from kiq_trio._pipeline.settler import Settler
from kiq_trio._pipeline.slots import Slots
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import Ack, Kill, Later, Requeue, Retry, Settlement
from kiq_trio.errors import DecodeError
from kiq_trio.events import (
    Aborted,
    Ended,
    Failed,
    Interrupted,
    Outcome,
    Started,
    Succeeded,
)
from kiq_trio.job import Job
from kiq_trio.unique import is_released_at_start, lock_of

logger = logging.getLogger("kiq_trio.consumer")


@attrs.define(eq=False)
class Consumer:
    """Works off one job at a time, for as long as it lives.

    One task and one cancel scope for many jobs: a task per job costs 10 µs more,
    a scope another 12.

    Attributes:
        name: what Sidekiq's UI calls our thread.
        slots: where the jobs come from.
        runner: performs them.
        settler: learns how they ended.
        broadcast: tells the reporters.
        ledger: knows what is running.
        failures: finds the next place of what did not succeed.
        gate: knows which jobs are not to be run.
    """

    name: str
    slots: Slots
    runner: Runner
    settler: Settler
    broadcast: Broadcast
    ledger: Ledger
    failures: Failures
    gate: Gate
    _life: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _is_given_up: bool = attrs.field(default=False, init=False)
    _is_dismissed: bool = attrs.field(default=False, init=False)
    _recall: Recall | None = attrs.field(default=None, init=False)

    async def run(self) -> None:
        """Work until cancelled from outside, or until the slots send us home."""
        self.ledger.tasks[self.name] = trio.lowlevel.current_task()
        try:
            while not self._is_dismissed:
                self._is_given_up = False
                self._recall = None
                with trio.CancelScope() as self._life:
                    await self._work_off()
        finally:
            # Whoever is hired after us has another name.
            del self.ledger.tasks[self.name]

    def give_up(self) -> None:
        """Cancel the job that runs here, and then go on with others.

        One that does not hear it keeps this consumer, and no other.
        """
        self._is_given_up = True
        self._life.cancel()

    def cancel(self, jid: str, recall: Recall) -> None:
        """Cancel the job that runs here if it is *jid*; it is done with then.

        One that does not hear it, and returns, has succeeded.
        """
        run = self.ledger.running.get(self.name)
        # Read again, for the sake of all the jobs that nobody cancels.
        job = Job.decode(run.delivery.payload) if run is not None else None
        if job is not None and job.jid == jid and is_meant(job, recall.at):
            self._recall = recall
            self.give_up()

    async def _work_off(self) -> None:
        clock, slots, pace = self.runner.clock, self.slots, self.slots.pace
        while not self._is_given_up:
            try:
                delivery = await slots.take()
            except trio.EndOfChannel:
                self._is_dismissed = True
                return
            began = clock()
            if pace.is_over(began):
                await self._yield(delivery)
                if slots.is_closed:
                    self.settler.add(delivery, _REQUEUE)
                    return
                began = clock()
            await self._work(delivery, began)

    async def _yield(self, delivery: Delivery) -> None:
        """Let other tasks run, with a job in our hands."""
        try:
            await self.slots.pace.next_turn()
        except trio.Cancelled:
            self.settler.add(delivery, _REQUEUE)
            raise

    async def _work(self, delivery: Delivery, began: float) -> None:
        job = self._accept(delivery)
        if job is not None:
            await self._run(delivery, job, began)
        if self.settler.is_full:
            await self.settler.room()

    def _accept(self, delivery: Delivery) -> Job | None:
        """Return the job to run; None if it is settled without a run."""
        try:
            job = Job.decode(delivery.payload)
        except DecodeError as error:
            self._bury(delivery, error)
            return None
        refusal = self.gate.refuse(job)
        if refusal is not None:
            self._end(delivery, job, refusal, _ack(job))
            return None
        elsewhere = self.gate.put_off(job, delivery)
        if elsewhere is not None:
            # No run, and nothing that anybody should count.
            self.settler.add(delivery, elsewhere)
            return None
        return job

    async def _run(self, delivery: Delivery, job: Job, began: float) -> None:
        self.ledger.running[self.name] = Run(delivery, began)
        # Also when the user's Ctrl-C goes through: the job is interrupted.
        outcome: Outcome = Interrupted(0.0)
        settlement: Settlement = _REQUEUE
        try:
            if is_released_at_start(job):
                await self._unlock(job)
            if Started in self.broadcast.wanted:
                self.broadcast.tell(Started(job))
            deadline = job.deadline
            if deadline is None:
                found = await self.runner.run(job, began)
            else:
                left = self.gate.seconds_left(deadline)
                found = await self.runner.run_for(job, began, left)
            if type(found) is Succeeded:
                settlement = _ack(job)
            else:
                found, settlement = await self._settle(delivery, found)
            outcome = found
        finally:
            del self.ledger.running[self.name]
            self._end(delivery, job, outcome, settlement)
        if type(outcome) is not Succeeded:
            # A cancellation that was felt in there is felt again here.
            await trio.lowlevel.checkpoint()

    async def _settle(
        self, delivery: Delivery, found: Outcome
    ) -> tuple[Outcome, Settlement]:
        """Return how a run ended that did not succeed, and where its job goes."""
        settlement: Settlement = _REQUEUE
        if not isinstance(found, Interrupted | Succeeded):
            settlement = await self.failures.settle(delivery, found)
        if self._recall is not None and isinstance(settlement, _AGAIN):
            # Whatever it made of its cancellation: it is not wanted any more.
            found = Aborted("cancelled", found.took, self._recall.reason)
            settlement = await self.failures.settle(delivery, found)
        return found, settlement

    def _end(
        self, delivery: Delivery, job: Job, outcome: Outcome, settlement: Settlement
    ) -> None:
        kind, ledger = type(outcome), self.ledger
        ledger.processed += 1
        ledger.measures.add(job, outcome)
        # As Sidekiq counts it: pushed back, it was processed and it failed.
        if kind is Failed or kind is Interrupted:
            ledger.failed += 1
        event = Ended(job, outcome) if kind in self.broadcast.wanted else None
        self.settler.add(delivery, settlement, event)

    async def _unlock(self, job: Job) -> None:
        """Let others in from now on; awaited, for the job may want to enqueue one."""
        lock = lock_of(job)
        if lock is not None:
            await self.settler.release(lock)

    def _bury(self, delivery: Delivery, error: DecodeError) -> None:
        logger.error(
            "queue %s held a payload that is %s; it is in the dead set now",
            delivery.queue,
            error,
        )
        now = self.ledger.now()
        written = self.failures.write_time(now)
        payload = give_up(delivery.payload, written, queue=delivery.queue)
        self.settler.add(delivery, Kill(now, payload))


_AGAIN = (Requeue, Retry, Later)


def _ack(job: Job) -> Ack:
    return Ack(lock_of(job)) if "unique_token" in job.rest else _ACK


_ACK = Ack()
_REQUEUE = Requeue()
