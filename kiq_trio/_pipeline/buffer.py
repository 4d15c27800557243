"""Jobs on their way to Redis, kept in order through any outage.

One task flushes. Whatever arrives while a flush is under way goes with the next
one, so a lone job costs one round trip and a thousand share it.

Every destination is a *lane* of its own. A lane has one batch in flight; once
sent, the batch is frozen and keeps its number until Redis has answered, so that
sending it again after a lost reply stores nothing twice. A queue that cannot be
written to (somebody made its key a string) delays nobody but its own lane.

A queue may be full, or a job a duplicate: Redis says so of each job that it did not
store. What found a full queue waits in its lane, in front, or is given back.

A lane lives while it holds jobs, so a thousand queues that were used once cost
nothing. All lanes number their batches from one counter: one that comes back goes
on above whatever it sent before, and late copies of that are told by their number.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count

import attrs
import trio

from kiq_trio._pipeline.entry import Entry, Ticket
from kiq_trio._pipeline.trouble import OUTAGES, Trouble, TroubledLane, count_ahead
from kiq_trio._store.doubt import is_back_pressure, is_worth_retrying
from kiq_trio._store.enqueueing import MOST_PAYLOADS, Refusals, enqueue
from kiq_trio._wire.client import Redis
from kiq_trio.errors import BufferFull, NotRunningError, QueueFull


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
    size: int = attrs.field(default=0, init=False)
    _lanes: dict[str | None, TroubledLane] = attrs.field(factory=dict, init=False)
    _numbers: Iterator[int] = attrs.field(factory=lambda: count(1), init=False)
    _is_closed: bool = attrs.field(default=False, init=False)
    _urgent: trio.Event = attrs.field(factory=trio.Event, init=False)
    _arrival: trio.Event = attrs.field(factory=trio.Event, init=False)
    _room: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _empty: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )

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
        for start in range(0, len(entries), MOST_PAYLOADS):
            chunk = entries[start : start + MOST_PAYLOADS]
            while not self._has_room(chunk):
                self._check_open()
                if not self.may_wait:
                    raise BufferFull(self.limit)
                await self._room.park()
            ticket = Ticket(len(chunk))
            self._add(chunk, ticket)
            self._urgent.set()
            try:
                await ticket.wait()
            except trio.Cancelled:
                self._withdraw(chunk)
                raise

    def put_nowait(self, entries: Sequence[Entry]) -> None:
        """Keep *entries* for the next flush, which is soon.

        Raises:
            BufferFull: there is no room for all of them; none was taken.
            NotRunningError: it was closed first.
        """
        if self._count_ahead(entries) + len(entries) > self.limit:
            raise BufferFull(self.limit)
        self._add(entries, None)

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
        self._urgent.set()
        self._arrival.set()
        while self.size:
            self._check_open()
            refusals = [lane.trouble.refusal for lane in self._lanes.values()]
            if refusals[0] is not None and all(refusals):
                raise refusals[0]
            await self._empty.park()

    def close(self) -> None:
        """Turn away whoever waits, and whoever comes: nobody flushes any more."""
        self._is_closed = True
        for entry in (*self.unconfirmed(), *self.unsent()):
            entry.fail(_make_closed())
        self._room.unpark_all()
        self._empty.unpark_all()

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
        task_status.started()
        while True:
            await self._linger()
            lanes = [lane for lane in self._lanes.values() if lane.is_ready()]
            if lanes:
                await self._flush(lanes)

    def _has_room(self, entries: Sequence[Entry]) -> bool:
        # Alone, more than the limit may come in at once.
        ahead = self._count_ahead(entries)
        return not ahead or ahead + len(entries) <= self.limit

    def _count_ahead(self, entries: Sequence[Entry]) -> int:
        if self.size + len(entries) <= self.limit:
            return self.size
        return count_ahead(self._lanes.values(), {entry.queue for entry in entries})

    def _add(self, entries: Iterable[Entry], ticket: Ticket | None) -> None:
        self._check_open()
        for entry in entries:
            entry.ticket = ticket
            lane = self._lanes.get(entry.queue)
            if lane is None:
                lane = self._lanes[entry.queue] = self._make_lane(entry.queue)
            lane.waiting.append(entry)
            self.size += 1
        self._arrival.set()

    def _make_lane(self, queue: str | None) -> TroubledLane:
        name = f"{self.client}:" + ("schedule" if queue is None else f"queue:{queue}")
        trouble = Trouble(name, self.flush_interval or 0.01, self.random)
        limit = self.max_sizes.get(queue, 0) if queue is not None else 0
        return TroubledLane(name, queue, self._numbers, limit, trouble=trouble)

    async def _linger(self) -> None:
        """Wait for work, and a little longer if nobody waits for us.

        Jobs of `enqueue_nowait` gather for `flush_interval`, unless a caller who
        awaits his own job comes along.
        """
        pause = min(
            (lane.trouble.seconds_left() for lane in self._lanes.values()),
            default=math.inf,
        )
        if pause > 0:
            # A lane in trouble waits for its next try, but not what comes meanwhile.
            with trio.move_on_after(pause):
                await self._arrival.wait()
                if not self._urgent.is_set():
                    with trio.move_on_after(self.flush_interval):
                        await self._urgent.wait()
        self._arrival = trio.Event()
        self._urgent = trio.Event()

    async def _flush(self, lanes: Sequence[TroubledLane]) -> None:
        batches = [lane.freeze() for lane in lanes]
        verdicts: Sequence[Exception | Refusals | None]
        try:
            verdicts = await enqueue(self.redis, batches)
        except OUTAGES as loss:
            # Redis may or may not have acted; the same numbers make it harmless
            # to ask again.
            verdicts = [loss] * len(lanes)
        for lane, verdict in zip(lanes, verdicts, strict=True):
            was_own = lane.trouble.is_own
            if not isinstance(verdict, Exception):
                self._stored(lane, verdict or {})
            elif is_worth_retrying(verdict) or is_back_pressure(verdict):
                lane.trouble.grow(verdict)
            else:
                self._refused(lane, verdict)
            if lane.trouble.is_own and not was_own:
                # From now on it takes room from nobody else.
                self._room.unpark_all()
            self._drop_if_empty(lane)
        if not self.size or any(lane.trouble.refusal for lane in lanes):
            self._empty.unpark_all()

    def _stored(self, lane: TroubledLane, refusals: Refusals) -> None:
        batch = lane.finish()
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

    def _withdraw(self, entries: Sequence[Entry]) -> None:
        withdrawn = 0
        for entry in entries:
            lane = self._lanes.get(entry.queue)
            if lane is not None and lane.withdraw(entry):
                withdrawn += 1
                self._drop_if_empty(lane)
        self._release(withdrawn)
        if not self.size:
            self._empty.unpark_all()

    def _drop_if_empty(self, lane: TroubledLane) -> None:
        if not lane:
            del self._lanes[lane.queue]

    def _release(self, count: int) -> None:
        self.size -= count
        if count:
            self._room.unpark_all()

    def _check_open(self) -> None:
        if self._is_closed:
            raise _make_closed()


def _make_closed() -> NotRunningError:
    # Each waiter gets an error of its own: they grow tracebacks.
    return NotRunningError("the Kiq was closed; the job may or may not be stored")
