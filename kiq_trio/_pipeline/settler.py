"""Writes in Redis where jobs go, many in one round trip, and tells of it after.

Consumers add settlements without waiting; whatever came while one write was under
way goes with the next.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import attrs
import trio
from redis.exceptions import ResponseError

from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.runs import ACK, Run, distinguish
from kiq_trio._store.locking import release
from kiq_trio._store.settling import (
    Requeue,
    Settled,
    Settlement,
    acknowledge,
    settle,
)
from kiq_trio._wire.client import Redis
from kiq_trio.unique import Lock

logger = logging.getLogger("kiq_trio.settler")

_PAUSE = 1.0


@attrs.define(eq=False)
class Settler:
    """Settles jobs in the order in which they ended.

    Attributes:
        redis: where they are settled.
        broadcast: who is told when Redis knows.
        ledger: counts what Redis knows.
        dead_limit: how many jobs the dead set keeps.
        dead_timeout: for how many seconds.
        limit: how many unsettled runs make the consumers wait.
        random: returns chance, from 0 up to 1.
        is_full: whether consumers should wait for `room`.
    """

    redis: Redis
    broadcast: Broadcast
    ledger: Ledger
    dead_limit: int
    dead_timeout: float
    limit: int
    random: Callable[[], float]
    is_full: bool = attrs.field(default=False, init=False)
    _waiting: list[Run] = attrs.field(factory=list, init=False)
    _in_flight: list[Run] = attrs.field(factory=list, init=False)
    _refused: list[Run] = attrs.field(factory=list, init=False)
    _retry_at: float = attrs.field(default=0.0, init=False)
    _complaints: Complaints = attrs.field(init=False)
    _arrival: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _written: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )

    _room: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._room = self.limit
        self._complaints = Complaints(
            logger, "some jobs cannot be settled", "all jobs are settled again"
        )

    @property
    def size(self) -> int:
        """How many runs Redis does not know to have ended."""
        return len(self._waiting) + len(self._in_flight) + len(self._refused)

    @property
    def unsettled(self) -> Iterator[Run]:
        """Those runs."""
        return chain(self._waiting, self._in_flight, self._refused)

    def add(self, run: Run) -> None:
        """Take note that we are done with *run*."""
        self._waiting.append(run)
        waiting = len(self._waiting)
        if waiting == 1:
            self._arrival.unpark()
        elif waiting >= self._room:
            self.is_full = True

    async def room(self) -> None:
        """Wait until there are fewer than `limit` unsettled runs."""
        while self.is_full:
            await self._written.park()

    async def drained(self) -> None:
        """Wait until Redis knows of every run that has ended."""
        while self.size:
            await self._written.park()

    async def release(self, lock: Lock) -> None:
        """Give back *lock*, if it still belongs to its job, which is not done yet."""
        try:
            await release(self.redis, lock.token, lock.owner)
        except ResponseError as error:
            # It expires by itself; the job must not suffer for it.
            logger.error("the lock %s cannot be released: %s", lock.token, error)

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Settle, for ever."""
        task_status.started()
        while True:
            await self._wait_for_work()
            batch, self._waiting = self._waiting, []
            if self._refused and trio.current_time() >= self._retry_at:
                batch, self._refused = self._refused + batch, []
            self._in_flight = batch
            self._measure_room()
            await self._settle(batch)
            self._in_flight = []
            if not self._refused:
                self._complaints.withdraw()
            self._measure_room()
            self._written.unpark_all()

    def _measure_room(self) -> None:
        self._room = self.limit - len(self._in_flight) - len(self._refused)
        self.is_full = len(self._waiting) >= self._room

    async def _wait_for_work(self) -> None:
        if self._refused:
            with trio.move_on_at(self._retry_at):
                while not self._waiting:
                    await self._arrival.park()
        elif not self._waiting:
            await self._arrival.park()

    async def _settle(self, batch: list[Run]) -> None:
        if Requeue in {type(run.settlement) for run in batch}:
            # Interrupted together, runs end in any order; the oldest job shall be
            # the first of its queue again.
            batch.sort(key=lambda run: run.delivery.age)
        try:
            await self._settle_together(batch)
        except ResponseError:
            await self._settle_apart(batch)

    async def _settle_apart(self, batch: list[Run]) -> None:
        """Settle for each place by itself: one that is refused holds up no other.

        What is refused stays ours, and is tried again after a while.
        """
        groups: dict[tuple[type[Settlement], str], list[Run]] = {}
        for run in batch:
            kind = type(run.settlement)
            queue = run.delivery.queue if kind is Requeue else ""
            groups.setdefault((kind, queue), []).append(run)
        for group in groups.values():
            try:
                await self._settle_together(group, again=True)
            except ResponseError as error:
                self._complaints.make(error)
                self._refused += group
                self._retry_at = trio.current_time() + _PAUSE

    async def _settle_together(self, batch: list[Run], *, again: bool = False) -> None:
        # Since a burial or a loss we have another name; what we took before is
        # held under the old one. The newer name first, so that what the older
        # one held comes in front of it.
        names = dict.fromkeys([run.delivery.identity for run in batch])
        for name in reversed(names):
            held = batch
            if len(names) > 1:
                held = [run for run in batch if run.delivery.identity == name]
            await self._settle_held(name, held, again=again)
        self.ledger.count(batch)
        self.broadcast.tell_ends(batch)

    async def _settle_held(
        self, identity: str, batch: list[Run], *, again: bool
    ) -> None:
        generation = self.redis.generation
        pending = batch
        while pending:
            results = await self._move(identity, pending)
            # Asked more than once, Redis may have moved at first what is gone now:
            # no reason to say that others have it.
            again = again or self.redis.generation != generation
            clashes = []
            for run, result in zip(pending, results, strict=True):
                if result is Settled.CLASH:
                    run.settlement = distinguish(run.settlement, self.random)
                    clashes.append(run)
                elif result is Settled.GONE and not again:
                    logger.warning(
                        "a run ended too late: its job had been given to another "
                        "process (delivery %s)",
                        run.delivery.id,
                    )
            pending = clashes

    async def _move(self, identity: str, batch: list[Run]) -> Sequence[Settled]:
        ids = [run.delivery.id for run in batch if run.settlement is ACK]
        if len(ids) == len(batch):
            # Nearly always all is done with, and told in a third of the time.
            return await acknowledge(self.redis, identity, ids)
        return await settle(
            self.redis,
            identity,
            [(run.delivery, run.settlement) for run in batch],
            dead_limit=self.dead_limit,
            dead_timeout=self.dead_timeout,
        )
