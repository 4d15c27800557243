"""Enqueues periodic jobs when their time has come.

Every process does that knows of some; Redis sees to it that each tick happens once,
so it does not matter how many there are, or which of them dies. What time it is, and
which tick was the last, is read from Redis together: our own clock has no say in it.
"""

import logging
import math
from collections.abc import Callable, Sequence

import attrs
import trio
from redis.exceptions import RedisError

from kiq_trio._fields import WriteTime, to_ms
from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._pipeline.intake import prepare
from kiq_trio._plan import Tick
from kiq_trio._store.rota import write_periodics
from kiq_trio._store.ticking import NewJob, Ticking, read_ticks, tick
from kiq_trio._wire.client import Redis
from kiq_trio.periodic import Periodic

logger = logging.getLogger("kiq_trio.ticker")

_LATENESS = 0.05
_NEXT_TRY = 5.0
_DAY = 86_400.0


@attrs.frozen
class _Coming:
    """The tick that comes next after the last, which is as Redis has it."""

    last: str
    at: int


@attrs.define(eq=False)
class Ticker:
    """Lets time pass for periodic jobs.

    Attributes:
        redis: where their last ticks are, and their queues.
        periodics: the jobs.
        longest: seconds to sleep at most, lest the clock of Redis be put forward.
        now: returns epoch seconds to stamp jobs with.
        random: returns chance, from 0 up to 1.
        write_time: how our Sidekiq writes times.
    """

    redis: Redis
    periodics: Sequence[Periodic]
    longest: float
    now: Callable[[], float]
    random: Callable[[], float]
    write_time: WriteTime = to_ms
    _coming: dict[str, _Coming] = attrs.field(factory=dict, init=False)
    _is_listed: bool = attrs.field(default=False, init=False)
    _complaints: Complaints = attrs.field(init=False)
    _refusals: Complaints = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._complaints = Complaints(
            logger, "no periodic job is enqueued", "periodic jobs are enqueued again"
        )
        self._refusals = Complaints(
            logger,
            "the periodic job {} has to wait",
            "the periodic job {} waits no longer",
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Enqueue whatever is due whenever it is, for ever."""
        task_status.started()
        while self.periodics:
            try:
                pause = await self.tick_all()
            except RedisError as error:
                self._complaints.make(error)
                pause = _NEXT_TRY
            else:
                self._complaints.withdraw()
            await trio.sleep(pause)

    async def tick_all(self) -> float:
        """Enqueue what is due now; return seconds until it is worth another look."""
        names = [one.name for one in self.periodics]
        reading = await read_ticks(self.redis, names)
        if not self._is_listed or len(reading.last) < len(names):
            await self._list()
        tickings: list[Ticking] = []
        next_at = math.inf
        for one in self.periodics:
            due = self._find_due(one, reading.last.get(one.name, ""), reading.now)
            tickings += due
            next_at = min(next_at, self._coming[one.name].at)
        is_refused = await self._tick(tickings) if tickings else False
        # A little late rather than early, and not all processes at once.
        pause = max(next_at - reading.now, 0) + _LATENESS * self.random()
        return min(pause, self.longest, _NEXT_TRY if is_refused else math.inf)

    def _find_due(self, one: Periodic, last: str, now: float) -> list[Ticking]:
        """Return what is due of *one*, and take down what comes after that."""
        coming = self._coming.get(one.name)
        if coming is None or coming.last != last:
            coming = _Coming(last, self._first_after(one, last, now))
            self._coming[one.name] = coming
        if coming.at < 0:
            # What came before it was first heard of, is not made up for.
            due = [Tick(one.plan.latest_until(now), runs=False)]
        elif coming.at <= now:
            due = one.plan.due(coming.at, now)
        else:
            return []
        tickings: list[Ticking] = []
        for each in due:
            order = self._order(one, each.at) if each.runs else None
            tickings.append(Ticking(one.name, last, str(each.at), order))
            last = str(each.at)
        self._coming[one.name] = _Coming(last, one.plan.next_after(due[-1].at))
        return tickings

    def _first_after(self, one: Periodic, last: str, now: float) -> int:
        """Return the first tick after *last*; -1 if that is none, or nonsense."""
        if not last:
            return -1
        if not last.isdecimal() or float(last) > now + _DAY:
            logger.error(
                "the last tick of %s cannot have been at %s: it begins anew",
                one.name,
                last.encode(errors="backslashreplace").decode(),
            )
            return -1
        return one.plan.next_after(int(last))

    def _order(self, one: Periodic, at: int) -> NewJob:
        job, entry = prepare(
            one.job_for(at), now=self.now(), jid="", write_time=self.write_time
        )
        return NewJob(job.queue, entry.payload, entry.lock)

    async def _tick(self, tickings: Sequence[Ticking]) -> bool:
        """Let *tickings* happen; return whether Redis refuses one."""
        refused: set[str] = set()
        for ticking, verdict in zip(
            tickings, await tick(self.redis, tickings), strict=True
        ):
            if isinstance(verdict, Exception):
                self._refusals.make(verdict, ticking.name)
                refused.add(ticking.name)
            if verdict != "late":
                logger.debug("%s at %s: %s", ticking.name, ticking.tick, verdict)
        self._refusals.withdraw_others(refused)
        for name in refused:
            del self._coming[name]
        return bool(refused)

    async def _list(self) -> None:
        await write_periodics(
            self.redis, {one.name: one.describe() for one in self.periodics}
        )
        self._is_listed = True
