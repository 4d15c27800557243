"""The consumers of one queue and the producer that feeds them."""

import math
from collections.abc import Callable, Iterator

import attrs
import trio

from kiq_trio._pipeline.consumer import Consumer
from kiq_trio._pipeline.producer import Producer
from kiq_trio._pipeline.recalls import Recall
from kiq_trio._pipeline.runs import Run
from kiq_trio._pipeline.settler import Settler
from kiq_trio._pipeline.slots import Slots
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.paging import pages

_LAST_CALL = 1.0
"""Seconds for a fetch without an answer, at least, before its jobs are left to the
others."""

_STARTED_AT_ONCE = 100
"""Consumers that start in one go: of ten thousand, that would take 0.4 s."""


@attrs.define(eq=False)
class Crew:
    """Works off one queue.

    Attributes:
        producer: fetches; the first to go.
        consumers: run jobs; their last ones may finish.
        slots: what lies between them.
        settler: takes what no consumer has taken.
        hire: returns a consumer more.
        over_at: when its last run was over, on Trio's clock, once there is a stop.
    """

    producer: Producer
    consumers: list[Consumer]
    slots: Slots
    settler: Settler
    hire: Callable[[], Consumer]
    over_at: float = attrs.field(default=-math.inf, init=False)
    _nursery: trio.Nursery | None = attrs.field(default=None, init=False)
    _producing: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _consuming: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _last_call: float | None = attrs.field(default=None, init=False)

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Work until `stop`, then until the last consumer is done."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._consume)
            task_status.started()
            try:
                with self._producing:
                    await self.producer.run()
            finally:
                # A fetch that was under way may have brought some more.
                self._give_back()
                deadline = self._last_call or trio.current_time() + _LAST_CALL
                with trio.CancelScope(deadline=deadline, shield=True):
                    await self.producer.hand_back()

    @property
    def size(self) -> int:
        """How many jobs may run at once, as soon as those too many have ended."""
        return len(self.consumers) - self.slots.surplus

    @property
    def waiting(self) -> Iterator[Delivery]:
        """The jobs that have come and do not run yet."""
        yield from self.slots.waiting
        for consumer in self.consumers:
            if consumer.in_hand is not None:
                yield consumer.in_hand.delivery

    def resize(self, size: int) -> None:
        """Let *size* jobs run at once; no run is cancelled for it."""
        if self.slots.is_closed:
            return
        missing = size - self.size
        if missing < 0:
            self.slots.send_home(-missing)
            return
        for _ in range(missing - self.slots.keep(missing)):
            consumer = self.hire()
            self.consumers.append(consumer)
            # Not open yet, it will start all that are there.
            if self._nursery is not None:
                self._nursery.start_soon(self._employ, consumer)

    def stop(self, deadline: float) -> None:
        """Fetch no more; cancel what still runs at *deadline* (Trio's clock)."""
        self._producing.cancel()
        # At once, and so before the older ones that still run: whoever is given
        # back last comes to the very front.
        self._give_back()
        self.slots.close()
        self._consuming.deadline = deadline
        # Not from its end on: a wait that had to be unblocked has taken some of it.
        self._last_call = max(deadline, trio.current_time() + _LAST_CALL)

    def cancel_runs(self) -> None:
        """Forget all jobs that are here, as others have them; go on with new ones."""
        self.slots.take_back()
        for consumer in self.consumers:
            consumer.give_up()

    def cancel(self, jid: str, recall: Recall) -> None:
        """Cancel one job, if it runs here."""
        for consumer in self.consumers:
            consumer.cancel(jid, recall)

    def _give_back(self) -> None:
        for delivery in self.slots.take_back():
            self.settler.add(Run(delivery))

    async def _consume(self) -> None:
        try:
            with self._consuming:
                async with trio.open_nursery() as self._nursery:
                    # These are all: `resize` itself starts whom it hires from now on.
                    for few in pages(self.consumers, _STARTED_AT_ONCE):
                        for consumer in few:
                            self._nursery.start_soon(self._employ, consumer)
                        await trio.lowlevel.checkpoint()
        finally:
            self.over_at = trio.current_time()

    async def _employ(self, consumer: Consumer) -> None:
        await consumer.run()
        self.consumers.remove(consumer)
