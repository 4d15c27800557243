"""Writes in Redis where jobs go, many in one round trip, and tells of it after.

Consumers add settlements without waiting; whatever came while one write was under
way goes with the next.
"""

import logging
from collections.abc import Callable

import attrs
import trio
from redis.exceptions import ResponseError

from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.lease import Lease
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import (
    Ack,
    Kill,
    Requeue,
    Retry,
    Settled,
    Settlement,
    settle,
)
from kiq_trio._wire.client import Redis
from kiq_trio.errors import DecodeError
from kiq_trio.events import Ended
from kiq_trio.job import Job

logger = logging.getLogger("kiq_trio.settler")

_PAUSE = 1.0


@attrs.define
class Unsettled:
    """A run that has ended, until Redis knows."""

    delivery: Delivery
    settlement: Settlement
    event: Ended | None


@attrs.define(eq=False)
class Settler:
    """Settles jobs in the order in which they ended.

    Attributes:
        redis: where they are settled.
        lease: the identity under which we hold them.
        broadcast: who is told when Redis knows.
        dead_limit: how many jobs the dead set keeps.
        dead_timeout: for how many seconds.
        limit: how many unsettled runs make the consumers wait.
        random: returns chance, from 0 up to 1.
        is_full: whether consumers should wait for `room`.
    """

    redis: Redis
    lease: Lease
    broadcast: Broadcast
    dead_limit: int
    dead_timeout: float
    limit: int
    random: Callable[[], float]
    is_full: bool = attrs.field(default=False, init=False)
    _waiting: list[Unsettled] = attrs.field(factory=list, init=False)
    _in_flight: int = attrs.field(default=0, init=False)
    _arrival: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _written: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )

    @property
    def size(self) -> int:
        """How many runs Redis does not know to have ended."""
        return len(self._waiting) + self._in_flight

    def add(
        self, delivery: Delivery, settlement: Settlement, event: Ended | None = None
    ) -> None:
        """Take note that a run has ended; *event* is told once Redis knows."""
        self._waiting.append(Unsettled(delivery, settlement, event))
        waiting = len(self._waiting)
        if waiting == 1:
            self._arrival.unpark()
        elif waiting + self._in_flight >= self.limit:
            self.is_full = True

    async def room(self) -> None:
        """Wait until there are fewer than `limit` unsettled runs."""
        while self.is_full:
            await self._written.park()

    async def drained(self) -> None:
        """Wait until Redis knows of every run that has ended."""
        while self.size:
            await self._written.park()

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Settle, for ever."""
        task_status.started()
        while True:
            if not self._waiting:
                await self._arrival.park()
            batch, self._waiting = self._waiting, []
            self._in_flight = len(batch)
            await self._settle(batch)
            self._in_flight = 0
            self.is_full = len(self._waiting) >= self.limit
            self._written.unpark_all()

    async def _settle(self, batch: list[Unsettled]) -> None:
        if any(type(one.settlement) is Requeue for one in batch):
            # Interrupted together, runs end in any order; the oldest job shall be
            # the first of its queue again.
            batch.sort(key=lambda one: one.delivery.age)
        pending = batch
        while pending:
            results = await self._write(pending)
            clashes = []
            for one, result in zip(pending, results, strict=True):
                if result is Settled.CLASH:
                    one.settlement = self._distinguish(one.settlement)
                    clashes.append(one)
                elif result is Settled.GONE:
                    logger.warning(
                        "a run ended too late: its job had been given to another "
                        "process (delivery %s)",
                        one.delivery.id,
                    )
            pending = clashes
        self.broadcast.tell_all([one.event for one in batch if one.event is not None])

    async def _write(self, batch: list[Unsettled]) -> list[Settled]:
        """Write until Redis takes it: what it refuses stays ours, and waits."""
        generation = self.redis.generation
        was_refused = False
        while True:
            try:
                results = await settle(
                    self.redis,
                    self.lease.identity,
                    [(one.delivery, one.settlement) for one in batch],
                    dead_limit=self.dead_limit,
                    dead_timeout=self.dead_timeout,
                )
            except ResponseError as error:
                if not was_refused:
                    logger.error("jobs cannot be settled: %s", error)
                    was_refused = True
                await trio.sleep(_PAUSE)
                continue
            if was_refused or self.redis.generation != generation:
                # Asked more than once, Redis may have moved at first what is gone
                # now: no reason to say that others have it.
                return [
                    Settled.MOVED if one is Settled.GONE else one for one in results
                ]
            return results

    def _distinguish(self, settlement: Settlement) -> Settlement:
        """Make the payload differ from an equal one that is there already.

        A sorted set holds each payload once; two jobs that are equal to the byte
        would become one.
        """
        assert isinstance(settlement, Retry | Kill)
        try:
            job = Job.decode(settlement.payload)
        except DecodeError:
            # No job at all, and the dead set keeps its like already.
            return Ack()
        job = job.set(kiq_copy=int(self.random() * 2**53))
        return attrs.evolve(settlement, payload=job.encode())
