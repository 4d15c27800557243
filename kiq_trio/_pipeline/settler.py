"""Writes in Redis where jobs go, many in one round trip, and tells of it after.

Consumers add settlements without waiting; whatever came while one write was under
way goes with the next. Or it goes along with a fetch that leaves soon (`ride.py`).
"""

import logging
from collections.abc import Callable, Iterator
from itertools import chain

import attrs
import trio
from redis.exceptions import ResponseError

from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.moves import Moves
from kiq_trio._pipeline.runs import ACK, Run
from kiq_trio._store.locking import release
from kiq_trio._store.settling import Requeue, Settlement
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
    _in_flight: list[list[Run]] = attrs.field(factory=list, init=False)
    _is_held: bool = attrs.field(default=False, init=False)
    _is_in_doubt: bool = attrs.field(default=False, init=False)
    _refused: list[Run] = attrs.field(factory=list, init=False)
    _retry_at: float = attrs.field(default=0.0, init=False)
    _complaints: Complaints = attrs.field(init=False)
    _moves: Moves = attrs.field(init=False)
    _arrival: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _written: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )

    _room: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._room = self.limit
        self._moves = Moves(self.redis, self.dead_limit, self.dead_timeout, self.random)
        self._complaints = Complaints(
            logger, "some jobs cannot be settled", "all jobs are settled again"
        )

    @property
    def size(self) -> int:
        """How many runs Redis does not know to have ended."""
        return sum(1 for _ in self.unsettled)

    @property
    def unsettled(self) -> Iterator[Run]:
        """Those runs."""
        return chain(self._waiting, *self._in_flight, self._refused)

    def add(self, run: Run) -> None:
        """Take note that we are done with *run*."""
        self._waiting.append(run)
        waiting = len(self._waiting)
        if waiting >= self._room:
            self.is_full = True
        if self._is_held:
            if run.settlement is not ACK:
                self.hurry()
        elif waiting == 1:
            self._arrival.unpark()

    def hold(self) -> None:
        """Leave what is done with to whoever calls this: he will `board` or `hurry`."""
        self._is_held = True

    def hurry(self) -> None:
        """Write what was held for somebody, if there is anything."""
        self._is_held = False
        if self._waiting:
            self._arrival.unpark()

    def board(self) -> list[Run]:
        """Return what waits here, if it is all done with and held under one name.

        Whoever takes it tells Redis, and then calls `land` or `take_back`.
        """
        runs = self._waiting
        if self._is_in_doubt or not _are_alike(runs):
            self.hurry()
            return []
        self._is_held = False
        if runs:
            self._waiting = []
            self._let_go(runs)
        return runs

    def land(self, runs: list[Run]) -> None:
        """Redis knows of *runs*, which were taken along."""
        self._tell(runs)
        self._conclude(runs)

    def take_back(self, runs: list[Run]) -> None:
        """Settle *runs* here, for Redis may not know of them."""
        self._waiting[:0] = runs
        self._is_in_doubt = True
        self._conclude(runs)
        self.hurry()

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
            again, self._is_in_doubt = self._is_in_doubt, False
            self._let_go(batch)
            await self._settle(batch, again=again)
            if not self._refused:
                self._complaints.withdraw()
            self._conclude(batch)

    async def _wait_for_work(self) -> None:
        if self._refused:
            with trio.move_on_at(self._retry_at):
                while not self._waiting:
                    await self._arrival.park()
        else:
            # Woken in vain, if somebody has taken along what had ended.
            while not self._waiting:
                await self._arrival.park()

    async def _settle(self, batch: list[Run], *, again: bool) -> None:
        if Requeue in {type(run.settlement) for run in batch}:
            # Interrupted together, runs end in any order; the oldest job shall be
            # the first of its queue again.
            batch.sort(key=lambda run: run.delivery.age)
        try:
            await self._settle_together(batch, again=again)
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

    async def _settle_together(self, batch: list[Run], *, again: bool) -> None:
        await self._moves.make(batch, again=again)
        self._tell(batch)

    def _tell(self, runs: list[Run]) -> None:
        """Redis knows of *runs*: so may others."""
        self.ledger.count(runs)
        self.broadcast.tell_ends(runs)

    def _let_go(self, batch: list[Run]) -> None:
        self._in_flight.append(batch)
        self._measure_room()

    def _conclude(self, batch: list[Run]) -> None:
        self._in_flight.remove(batch)
        self._measure_room()
        self._written.unpark_all()

    def _measure_room(self) -> None:
        in_flight = sum(map(len, self._in_flight))
        self._room = self.limit - in_flight - len(self._refused)
        self.is_full = len(self._waiting) >= self._room


def _are_alike(runs: list[Run]) -> bool:
    name = runs[0].delivery.identity if runs else ""
    for run in runs:
        if run.settlement is not ACK or run.delivery.identity != name:
            return False
    return True
