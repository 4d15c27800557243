"""Jobs on their way to Redis, kept in order through any outage.

Every destination is a *lane* of its own. A lane has one batch in flight; once
sent, the batch is frozen and keeps its number until Redis has answered, so that
sending it again after a lost reply stores nothing twice. A queue that cannot be
written to (somebody made its key a string) delays nobody but its own lane.

A queue may be full, or a job a duplicate: Redis says so of each job that it did not
store. What found a full queue waits in its lane, in front, or is given back.
"""

from collections.abc import Callable, Mapping, Sequence

import attrs
import trio

from kiq_trio._pipeline.entry import Entry, Ticket
from kiq_trio._pipeline.flusher import Flusher
from kiq_trio._pipeline.lanes import Lanes
from kiq_trio._store.enqueueing import MOST_PAYLOADS
from kiq_trio._wire.client import Redis
from kiq_trio.errors import BufferFull, NotRunningError


@attrs.define(eq=False)
class Buffer:
    """Holds jobs until Redis has them.

    Attributes:
        redis: where they go.
        client: a name for us that no other client has; it marks our lanes.
        limit: how many jobs may wait here; those of a full or refused queue count
            for that queue alone.
        flush_interval: seconds for which jobs that nobody waits for gather.
        random: returns chance, from 0 up to 1.
        max_sizes: how many jobs a queue may hold, where that is limited.
        may_wait: whether those who wait for their jobs wait for room here as well.
    """

    redis: Redis
    client: str
    limit: int
    flush_interval: float
    random: Callable[[], float]
    max_sizes: Mapping[str, int] = attrs.field(factory=dict)
    may_wait: bool = True
    _lanes: Lanes = attrs.field(init=False)
    _flusher: Flusher = attrs.field(init=False)
    _is_closed: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._lanes = Lanes(
            self.client,
            shortest=self.flush_interval or 0.01,
            random=self.random,
            max_sizes=self.max_sizes,
        )
        self._flusher = Flusher(self.redis, self._lanes, self.flush_interval)

    @property
    def size(self) -> int:
        """How many jobs are in here."""
        return self._lanes.size

    async def put(self, entries: Sequence[Entry]) -> None:
        """Store *entries*: wait for room, then until Redis has them all.

        Cancelled, it withdraws those that were not sent yet; the others may be
        stored all the same.

        Raises:
            BufferFull: there is no room, and nobody is to wait for it.
            NotRunningError: it was closed first.
            QueueFull: a queue is full, and an entry may not wait for it.
            redis.exceptions.ResponseError: Redis refuses the destination.
        """
        if not entries:
            await trio.lowlevel.checkpoint()
        self._flusher.callers += 1
        try:
            for start in range(0, len(entries), MOST_PAYLOADS):
                await self._store(entries[start : start + MOST_PAYLOADS])
        finally:
            self._flusher.callers -= 1

    def put_nowait(self, entries: Sequence[Entry]) -> None:
        """Keep *entries* for the next flush, which is soon.

        Raises:
            BufferFull: there is no room for all of them; none was taken.
            NotRunningError: it was closed first.
        """
        if not self._fits(entries):
            raise BufferFull(self.limit)
        self._check_open()
        self._lanes.add(entries, None)
        self._flusher.notice()

    async def flush(self) -> None:
        """Wait until nothing is left here.

        Raises:
            NotRunningError: it was closed first.
            redis.exceptions.ResponseError: Redis refuses all that is left, which
                was tried once more just now, and stays here.
        """
        await trio.lowlevel.checkpoint()
        for lane in self._lanes.values():
            lane.trouble.try_at_once()
        self._flusher.hurry()
        while self.size:
            self._check_open()
            refusals = [lane.trouble.refusal for lane in self._lanes.values()]
            if refusals[0] is not None and all(refusals):
                raise refusals[0]
            await self._lanes.empty.park()

    def close(self) -> None:
        """Turn away whoever waits, and whoever comes: nobody flushes any more."""
        self._is_closed = True
        for entry in (*self.unconfirmed(), *self.unsent()):
            entry.fail(_make_closed())
        self._lanes.room.unpark_all()
        self._lanes.empty.unpark_all()

    def unconfirmed(self) -> list[Entry]:
        """Return what Redis may have but has not confirmed, lane by lane."""
        return [entry for lane in self._lanes.values() for entry in lane.sent]

    def unsent(self) -> list[Entry]:
        """Return what was never sent, oldest first in each lane."""
        return [entry for lane in self._lanes.values() for entry in lane.waiting]

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Flush whenever there is something to flush, for ever."""
        await self._flusher.run(task_status=task_status)

    async def _store(self, entries: Sequence[Entry]) -> None:
        """Store so many entries as one batch may hold."""
        # Alone, more than the limit may come in at once.
        while not self._fits(entries) and self._count_ahead(entries):
            self._check_open()
            if not self.may_wait:
                raise BufferFull(self.limit)
            await self._lanes.room.park()
        self._check_open()
        ticket = Ticket(len(entries))
        self._lanes.add(entries, ticket)
        try:
            await self._flusher.wait_stored(ticket)
        except trio.Cancelled:
            self._lanes.withdraw(entries)
            raise

    def _fits(self, entries: Sequence[Entry]) -> bool:
        count, limit = len(entries), self.limit
        # Mostly there is room for all, whoever they come for.
        if self._lanes.size + count <= limit:
            return True
        return self._count_ahead(entries) + count <= limit

    def _count_ahead(self, entries: Sequence[Entry]) -> int:
        return self._lanes.count_ahead({entry.queue for entry in entries})

    def _check_open(self) -> None:
        if self._is_closed:
            raise _make_closed()


def _make_closed() -> NotRunningError:
    # Each waiter gets an error of its own: they grow tracebacks.
    return NotRunningError("the Kiq was closed; the job may or may not be stored")
