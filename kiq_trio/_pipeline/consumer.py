"""Takes jobs one after the other, runs them and says how they ended."""

import logging
from collections.abc import Callable

import attrs
import trio

from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.ledger import Ledger, Run
from kiq_trio._pipeline.runner import Runner
from kiq_trio._pipeline.settlement import Circumstances, settle
from kiq_trio._pipeline.settler import Settler
from kiq_trio._pipeline.slots import Slots
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import Ack, Kill, Requeue
from kiq_trio.errors import DecodeError, EncodeError
from kiq_trio.events import Ended, Failed, Interrupted, Outcome, Started, Succeeded
from kiq_trio.job import Job

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
        random: returns chance, from 0 up to 1.
        retry_factor: what delays between retries are multiplied with.
    """

    name: str
    slots: Slots
    runner: Runner
    settler: Settler
    broadcast: Broadcast
    ledger: Ledger
    random: Callable[[], float]
    retry_factor: float = 1.0
    _life: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _is_given_up: bool = attrs.field(default=False, init=False)

    async def run(self) -> None:
        """Work until cancelled from outside, or until the slots are closed."""
        self.ledger.tasks[self.name] = trio.lowlevel.current_task()
        while not self.slots.is_closed:
            self._is_given_up = False
            with trio.CancelScope() as self._life:
                await self._work_off()

    def give_up(self) -> None:
        """Cancel the job that runs here, and then go on with others.

        One that does not hear it keeps this consumer, and no other.
        """
        self._is_given_up = True
        self._life.cancel()

    async def _work_off(self) -> None:
        clock, slots, pace = self.runner.clock, self.slots, self.slots.pace
        while not self._is_given_up:
            try:
                delivery = await slots.take()
            except trio.EndOfChannel:
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
        try:
            job = Job.decode(delivery.payload)
        except DecodeError as error:
            self._bury(delivery, error)
            return
        ledger = self.ledger
        ledger.running[self.name] = Run(delivery, began)
        if Started in self.broadcast.wanted:
            self.broadcast.tell(Started(job))
        outcome: Outcome = Interrupted(0.0)
        try:
            outcome = await self.runner.run(job, began)
        finally:
            # Also when the user's Ctrl-C goes through: the job is interrupted.
            del ledger.running[self.name]
            self._settle(delivery, job, outcome)
        if type(outcome) is Interrupted:
            await trio.lowlevel.checkpoint()
        if self.settler.is_full:
            await self.settler.room()

    def _settle(self, delivery: Delivery, job: Job, outcome: Outcome) -> None:
        kind = type(outcome)
        self.ledger.processed += 1
        event = Ended(job, outcome) if kind in self.broadcast.wanted else None
        if kind is Succeeded:
            self.settler.add(delivery, _ACK, event)
        elif kind is Interrupted:
            # As Sidekiq counts it: pushed back, it was processed and it failed.
            self.ledger.failed += 1
            self.settler.add(delivery, _REQUEUE, event)
        else:
            assert isinstance(outcome, Failed)
            self.ledger.failed += 1
            self._settle_failure(delivery, outcome, event)

    def _settle_failure(
        self, delivery: Delivery, outcome: Failed, event: Ended | None
    ) -> None:
        # Decoded anew: a worker may have changed its arguments, but what is
        # tried again is what was asked for.
        job = attrs.evolve(Job.decode(delivery.payload), queue=delivery.queue)
        worker = self.runner.workers.get(job.job_class)
        circumstances = Circumstances(
            now=self.ledger.now(),
            random=self.random,
            retry=worker.options.retry if worker else True,
            retry_factor=self.retry_factor,
        )
        try:
            settlement = settle(job, outcome, circumstances)
        except EncodeError as error:
            # JSON that Ruby could not read back, nested too deeply for one.
            logger.error("job %s cannot be retried as it is: %s", job.jid, error)
            settlement = Kill(self.ledger.now(), delivery.payload)
        self.settler.add(delivery, settlement, event)

    def _bury(self, delivery: Delivery, error: DecodeError) -> None:
        logger.error(
            "queue %s held a payload that is %s; it is in the dead set now",
            delivery.queue,
            error,
        )
        self.settler.add(delivery, Kill(self.ledger.now(), delivery.payload))


_ACK = Ack()
_REQUEUE = Requeue()
