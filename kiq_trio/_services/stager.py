"""Moves jobs that have become due to their queues.

Every process does, as Sidekiq's do, and at its pace: whoever is listed in
`processes` slows the others down (wire.md §9.4), so that a cluster looks every 5 s
on average whatever its size. We look earlier when we know that a job is due.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs
import trio
from redis.exceptions import RedisError, ResponseError

from kiq_trio._fields import WriteTime, to_ms
from kiq_trio._keeping import give_up
from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._repush import repush
from kiq_trio._store.doubt import is_worth_retrying
from kiq_trio._store.inspecting import count_shown
from kiq_trio._store.keys import DEAD, RETRY, SCHEDULE
from kiq_trio._store.moving import Move
from kiq_trio._store.paging import pages
from kiq_trio._store.pruning import prune
from kiq_trio._store.staging import Due, read_due, stage
from kiq_trio._wire.client import Redis
from kiq_trio._wire.seam import Server
from kiq_trio.errors import DecodeError, EncodeError

logger = logging.getLogger("kiq_trio.stager")

Faults: TypeAlias = dict[bytes, Exception]
"""Why members cannot be run."""

_MOST = 1_000
"""How many jobs are looked at in one round trip, and moved in another. Where jobs are
run as well, each trip waits for a turn of their consumers, 5 ms, while a thousand jobs
take 13. No script is given more than a page of them."""
_LATENESS = 0.02
_MANY = 10
_NEXT_TRY = 5.0


@attrs.define(eq=False)
class Stager:
    """Stages what is due in some sorted sets.

    Attributes:
        redis: where they are.
        server: says when they are written to, if it can.
        sources: their names: `retry`, `schedule`.
        poll: seconds between looks of a cluster, on average.
        now: returns epoch seconds, for `enqueued_at`.
        random: returns chance, from 0 up to 1.
        write_time: how our Sidekiq writes times.
    """

    redis: Redis
    server: Server
    sources: Sequence[str]
    poll: float
    now: Callable[[], float]
    random: Callable[[], float]
    write_time: WriteTime = to_ms
    _complaints: Complaints = attrs.field(init=False)
    _processes: Complaints = attrs.field(init=False)
    _sources: Complaints = attrs.field(init=False)
    _queues: Complaints = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._complaints = Complaints(
            logger, "nothing is staged", "what is due is staged again"
        )
        self._processes = Complaints(
            logger,
            "those who look for due jobs cannot be counted",
            "those who look for due jobs are counted again",
        )
        self._sources = Complaints(
            logger, "what is due in {} has to wait", "what is due in {} is staged again"
        )
        self._queues = Complaints(
            logger,
            "what is due for {} has to wait",
            "what is due for {} waits no longer",
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Stage whenever it is time to, for ever."""
        task_status.started()
        missing = [name for name in (RETRY, SCHEDULE) if name not in self.sources]
        if missing:
            # Whoever is listed counts as one who looks (wire.md §0.1, rule 6).
            logger.warning(
                "this process does not look for due jobs in %s, and the others look "
                "less often for its sake",
                " and ".join(missing),
            )
        while True:
            # Asked for before we look, so that no write falls in between.
            news = self.server.watch(self.sources)
            try:
                pause = await self.stage_all()
            except RedisError as error:
                self._complaints.make(error)
                pause = self.poll
            else:
                self._complaints.withdraw()
            with trio.move_on_after(pause):
                await news.wait()

    async def stage_all(self) -> float:
        """Stage what is due now; return seconds until it is worth another look."""
        pause = self._interval(await self._count_processes())
        sources: set[str] = set()
        queues: set[str] = set()
        for source in self.sources:
            try:
                due = await self._stage(source, queues)
            except ResponseError as error:
                self._sources.make(error, source)
                sources.add(source)
                continue
            if due.next_at is not None:
                # A little late rather than early, and not all processes at once.
                wait = due.next_at - due.now + _LATENESS * self.random()
                pause = min(pause, max(wait, 0.001))
        self._sources.withdraw_others(sources)
        self._queues.withdraw_others(queues)
        return min(pause, _NEXT_TRY) if sources or queues else pause

    async def _count_processes(self) -> int:
        """Return how many look for due jobs; if that cannot be told, as if alone."""
        count = 1
        try:
            count = await count_shown(self.redis)
            gone = await prune(self.redis)
        except ResponseError as error:
            if is_worth_retrying(error):
                raise
            self._processes.make(error)
            return count
        self._processes.withdraw()
        if gone:
            logger.info("processes that vanished without a word are listed no more")
        return count - gone

    async def _stage(self, source: str, refused: set[str]) -> Due:
        """Stage what is due in *source*; add to *refused* the queues that refuse."""
        stuck = 0
        while True:
            due = await read_due(self.redis, source, limit=_MOST, skip=stuck)
            faults: Faults = {}
            moves: list[Move] = []
            for page in pages(due.entries):
                written = self.write_time(self.now())
                moves += [self._move(*one, written, faults) for one in page]
                # Heartbeats and jobs have their turn after a few milliseconds.
                await trio.lowlevel.checkpoint()
            stuck += await self._stage_together(source, moves, faults, refused)
            if len(due.entries) < _MOST:
                return due

    async def _stage_together(
        self, source: str, moves: Sequence[Move], faults: Faults, refused: set[str]
    ) -> int:
        """Stage *moves*, but for queues that refuse; return how many have to stay."""
        try:
            await stage(self.redis, source, moves)
        except ResponseError:
            # One of the queues is to blame, no other shall suffer. What was moved
            # nevertheless is not moved again.
            pass
        else:
            _tell_dead(source, moves, faults)
            return 0
        stuck = 0
        for queue in {move.queue or DEAD for move in moves}:
            some = [move for move in moves if (move.queue or DEAD) == queue]
            try:
                await stage(self.redis, source, some)
            except ResponseError as error:
                self._queues.make(error, queue)
                refused.add(queue)
                stuck += len(some)
            else:
                _tell_dead(source, some, faults)
        return stuck

    def _move(
        self, member: bytes, score: float, written: float, faults: Faults
    ) -> Move:
        try:
            due = repush(member, written)
        except (DecodeError, EncodeError) as error:
            faults[member] = error
            return Move(member, score, None, give_up(member, written))
        return Move(member, score, due.queue, due.payload)

    def _interval(self, processes: int) -> float:
        average = self.poll * max(1, processes)
        if processes < _MANY:
            return average * (0.5 + self.random())
        return average * 2 * self.random()


def _tell_dead(source: str, moves: Sequence[Move], faults: Faults) -> None:
    """Say why some are in the dead set: once they are."""
    for move in moves:
        if move.old in faults:
            logger.error(
                "%s held a payload that cannot be run; it is in the dead set now: %s",
                source,
                faults[move.old],
            )
