"""All lanes of a buffer: what waits in them, and what becomes of it.

A lane lives while it holds jobs, so a thousand queues that were used once cost
nothing. All lanes number their batches from one counter: one that comes back goes
on above whatever it sent before, and late copies of that are told by their number.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import count

import trio

from kiq_trio._pipeline.entry import Entry, Ticket
from kiq_trio._pipeline.trouble import Trouble, TroubledLane
from kiq_trio._store.doubt import is_back_pressure, is_worth_retrying
from kiq_trio._store.enqueueing import Refusals
from kiq_trio.errors import QueueFull

Verdict = Exception | Refusals | None
"""What Redis said of a batch, or why it said nothing."""


class Lanes(dict[str | None, TroubledLane]):
    """The lanes that hold jobs, by their queue; None is the schedule.

    Attributes:
        size: how many jobs they hold.
        room: where those park for whom there is no room.
        empty: where those park who wait until nothing is left, or all is refused.
    """

    def __init__(
        self,
        client: str,
        *,
        shortest: float,
        random: Callable[[], float],
        max_sizes: Mapping[str, int],
    ) -> None:
        super().__init__()
        self.size = 0
        self.room = trio.lowlevel.ParkingLot()
        self.empty = trio.lowlevel.ParkingLot()
        self._client = client
        self._shortest = shortest
        self._random = random
        self._max_sizes = max_sizes
        self._numbers = count(1)
        # The last one that was left empty: whoever enqueues job by job wants it again.
        self._spare: TroubledLane | None = None

    def __missing__(self, queue: str | None) -> TroubledLane:
        spare, self._spare = self._spare, None
        if spare is None or spare.queue != queue:
            spare = self._make(queue)
        self[queue] = spare
        return spare

    def add(self, entries: Sequence[Entry], ticket: Ticket | None) -> None:
        """Let *entries* wait, for those who hold *ticket*."""
        for entry in entries:
            entry.ticket = ticket
            self[entry.queue].waiting.append(entry)
        self.size += len(entries)

    def withdraw(self, entries: Sequence[Entry]) -> None:
        """Take back those of *entries* that were not sent."""
        for entry in entries:
            lane = self.get(entry.queue)
            if lane is not None and lane.withdraw(entry):
                entry.ticket = None
                self._release(1)
                if not lane:
                    del self[entry.queue]

    def seconds_left(self) -> float:
        """Return how long to wait before there is something to send."""
        return min(
            (lane.trouble.seconds_left() for lane in self.values()), default=math.inf
        )

    def ready(self) -> list[TroubledLane]:
        """Return those that have something to send now."""
        return [lane for lane in self.values() if lane.is_ready()]

    def count_ahead(self, queues: AbstractSet[str | None]) -> int:
        """Return how many jobs take room from those that come for *queues*.

        What waits because its own queue is full, or refused, takes none from others.
        """
        return sum(
            len(lane)
            for lane in self.values()
            if lane.queue in queues or not lane.trouble.is_own
        )

    def conclude(self, lane: TroubledLane, verdict: Verdict) -> None:
        """Do with the batch of *lane* what Redis says, and tell whoever waits."""
        was_own = lane.trouble.is_own
        if not isinstance(verdict, Exception):
            self._stored(lane, verdict or {})
        elif is_worth_retrying(verdict) or is_back_pressure(verdict):
            lane.trouble.grow(verdict)
        else:
            self._refused(lane, verdict)
        if lane.trouble.is_own and not was_own:
            # From now on it takes room from nobody else.
            self.room.unpark_all()
        if lane.trouble.refusal is not None:
            self.empty.unpark_all()
        if not lane:
            del self[lane.queue]
            self._spare = None if lane.trouble.is_there else lane

    def _make(self, queue: str | None) -> TroubledLane:
        name = f"{self._client}:" + ("schedule" if queue is None else f"queue:{queue}")
        trouble = Trouble(name, self._shortest, self._random)
        limit = self._max_sizes.get(queue, 0) if queue is not None else 0
        return TroubledLane(name, queue, self._numbers, limit, trouble=trouble)

    def _stored(self, lane: TroubledLane, refusals: Refusals) -> None:
        batch = lane.finish()
        if not refusals:
            for entry in batch:
                if entry.ticket is not None:
                    entry.ticket.stamp()
            self._release(len(batch))
            lane.trouble.end()
            return
        full = QueueFull(lane.queue or "", lane.max_size)
        kept = [one for one in batch if not one.conclude(refusals.get(one.jid), full)]
        self._release(len(batch) - len(kept))
        lane.put_back(kept)
        if not kept:
            lane.trouble.end()
            return
        if len(kept) < len(batch):
            lane.trouble.ease()
        lane.trouble.grow(full)

    def _refused(self, lane: TroubledLane, error: Exception) -> None:
        """Tell those who wait, and keep what nobody waits for."""
        failed = lane.give_up_awaited()
        self._release(len(failed))
        for entry in failed:
            entry.fail(error)
        if lane:
            lane.trouble.refusal = error
            lane.trouble.grow(error)

    def _release(self, count: int) -> None:
        self.size -= count
        if count and self.room:
            self.room.unpark_all()
        if not self.size and self.empty:
            self.empty.unpark_all()
