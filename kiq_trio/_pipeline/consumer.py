"""Takes jobs one after the other, runs them and says how they ended."""

import logging

import attrs
import trio

from kiq_trio._keeping import give_up
from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.failing import Failures
from kiq_trio._pipeline.gate import Gate
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.recalls import Recall, is_meant
from kiq_trio._pipeline.runner import Runner
from kiq_trio._pipeline.runs import ACK, REQUEUE, Run
from kiq_trio._pipeline.settler import Settler
from kiq_trio._pipeline.slots import Slots
from kiq_trio._pipeline.suspects import Suspects, is_suspect
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import Ack, Kill, Later, Requeue, Retry, Settlement
from kiq_trio.errors import DecodeError
from kiq_trio.events import Aborted, Interrupted, Outcome, Started, Succeeded
from kiq_trio.job import PAYLOAD_LIMIT, Job
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
        suspects: lets those begin that may have killed other processes.
        longest: bytes of a payload that are read at most.
        in_hand: the run that waits for a turn, taken and not yet running.
    """

    name: str
    slots: Slots
    runner: Runner
    settler: Settler
    broadcast: Broadcast
    ledger: Ledger
    failures: Failures
    gate: Gate
    suspects: Suspects
    longest: int = 2 * PAYLOAD_LIMIT
    in_hand: Run | None = attrs.field(default=None, init=False)
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
            delivery = slots.take_nowait()
            if delivery is None:
                try:
                    delivery = await slots.take()
                except trio.EndOfChannel:
                    self._is_dismissed = True
                    return
            run = Run(delivery)
            run.began = clock()
            if run.began > pace.ends_at:
                await self._yield(run)
                if slots.is_closed:
                    self.settler.add(run)
                    return
                run.began = clock()
            await self._work(run)
            if self.settler.is_full:
                await self.settler.room()

    async def _yield(self, run: Run) -> None:
        """Let other tasks run, with a job in our hands."""
        self.in_hand = run
        try:
            await self.slots.pace.next_turn()
        except trio.Cancelled:
            self.settler.add(run)
            raise
        finally:
            self.in_hand = None

    async def _work(self, run: Run) -> None:
        payload = run.delivery.payload
        if len(payload) > self.longest:
            self._bury_unread(run)
            return
        try:
            job = run.job = Job.decode(payload)
        except DecodeError as error:
            self._bury(run, error)
            return
        is_plain = self.gate.waves_through(job)
        if not is_plain and not self._may_run(run, job):
            self.settler.add(run)
            return
        self.ledger.running[self.name] = run
        try:
            if Started in self.broadcast.wanted:
                self.broadcast.tell(Started(job))
            if is_plain:
                found = await self.runner.run(job, run.began)
            else:
                found = await self._run_on_terms(run, job)
            if type(found) is Succeeded:
                settlement: Settlement = ACK if is_plain else _ack(job)
            else:
                found, settlement = await self._settle(run.delivery, found)
            run.outcome, run.settlement = found, settlement
        finally:
            # Also when the user's Ctrl-C goes through: the job is interrupted.
            if run.outcome is None:
                run.outcome = Interrupted(0.0)
            del self.ledger.running[self.name]
            self.settler.add(run)
        if type(run.outcome) is not Succeeded:
            # A cancellation that was felt in there is felt again here.
            await trio.lowlevel.checkpoint()

    def _may_run(self, run: Run, job: Job) -> bool:
        """Whether *job* is run; if not, *run* says what becomes of it."""
        run.outcome = self.gate.refuse(job)
        if run.outcome is not None:
            run.settlement = _ack(job)
            return False
        elsewhere = self.gate.put_off(job, run.delivery)
        if elsewhere is not None:
            # No outcome: there was no run, and nothing that anybody should count.
            run.settlement = elsewhere
            return False
        return True

    async def _run_on_terms(self, run: Run, job: Job) -> Outcome:
        """Run a job that is not like any other; if others have it, do nothing."""
        if not is_suspect(job):
            return await self._run_in_time(job, run.began)
        async with self.suspects.turn(run.delivery) as is_ours:
            run.began = self.runner.clock()
            if not is_ours or self.slots.is_closed:
                return Interrupted(0.0)
            return await self._run_in_time(job, run.began)

    async def _run_in_time(self, job: Job, began: float) -> Outcome:
        """Run a job that gives back a lock when it begins, or must end in time."""
        if is_released_at_start(job):
            await self._unlock(job)
        if job.deadline is None:
            return await self.runner.run(job, began)
        left = self.gate.seconds_left(job.deadline)
        return await self.runner.run_for(job, began, left)

    async def _settle(
        self, delivery: Delivery, found: Outcome
    ) -> tuple[Outcome, Settlement]:
        """Return how a run ended that did not succeed, and where its job goes."""
        settlement: Settlement = REQUEUE
        if not isinstance(found, Interrupted):
            settlement = await self.failures.settle(delivery, found)
        if self._recall is not None and isinstance(settlement, _AGAIN):
            # Whatever it made of its cancellation: it is not wanted any more.
            found = Aborted("cancelled", found.took, self._recall.reason)
            settlement = await self.failures.settle(delivery, found)
        return found, settlement

    async def _unlock(self, job: Job) -> None:
        """Let others in from now on; awaited, for the job may want to enqueue one."""
        lock = lock_of(job)
        if lock is not None:
            await self.settler.release(lock)

    def _bury_unread(self, run: Run) -> None:
        """Read nothing so large: that would take long, and many times its memory."""
        delivery = run.delivery
        logger.error(
            "queue %s held a payload of %s bytes; it is in the dead set now, unread "
            "(payload_limit)",
            delivery.queue,
            f"{len(delivery.payload):,}",
        )
        run.settlement = Kill(self.ledger.now(), delivery.payload)
        self.settler.add(run)

    def _bury(self, run: Run, error: DecodeError) -> None:
        delivery = run.delivery
        logger.error(
            "queue %s held a payload that is %s; it is in the dead set now",
            delivery.queue,
            error,
        )
        now = self.ledger.now()
        written = self.failures.write_time(now)
        payload = give_up(delivery.payload, written, queue=delivery.queue)
        run.settlement = Kill(now, payload)
        self.settler.add(run)


_AGAIN = (Requeue, Retry, Later)


def _ack(job: Job) -> Ack:
    return Ack(lock_of(job)) if "unique_token" in job.rest else ACK
