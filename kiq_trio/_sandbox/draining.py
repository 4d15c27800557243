"""Performs the jobs of a scope with the real server half, one after the other.

A house is opened for each queue in turn, on the server of the scope, until no queue
has a job left: so a drain goes the same way each time, whatever Trio's scheduler
draws. Jobs for later are made due by moving the scope's clock to their time.
"""

from collections.abc import Sequence

import attrs
import trio

from kiq_trio._house import House
from kiq_trio._plant import Tools
from kiq_trio._sandbox.scope import Scope, as_in_process
from kiq_trio._sandbox.telling import name_job
from kiq_trio._services.stager import Stager
from kiq_trio._store.inspecting import count_jobs
from kiq_trio._store.keys import queue_key
from kiq_trio._store.pausing import read_paused
from kiq_trio.events import Aborted, Ended, Event, Failed, Snoozed, Succeeded
from kiq_trio.reporter import Reporter

_LATER = ("retry", "schedule")
_DEAD = "dead"
_SHORTEST_LOOK = 0.001
_LONGEST_LOOK = 10.0


@attrs.frozen(repr=False)
class Drained:
    """What a drain has done.

    Attributes:
        runs: each run with its job and its outcome, in order; a job that was
            retried has several.
        retried: how many failures will be, or were, tried again.
        dead: how many jobs came into the dead set.
    """

    runs: Sequence[Ended]
    retried: int
    dead: int

    def __repr__(self) -> str:
        names = ("succeeded", "failed", "retried", "dead", "aborted", "snoozed")
        counts = [f"{getattr(self, name)} {name}" for name in names]
        said = [count for count in counts if not count.startswith("0 ")]
        return f"<Drained: {', '.join((f'{self.performed} performed', *said))}>"

    @property
    def performed(self) -> int:
        """How many runs there were."""
        return len(self.runs)

    @property
    def succeeded(self) -> int:
        """How many of them succeeded."""
        return self._count(Succeeded)

    @property
    def failed(self) -> int:
        """How many failed."""
        return self._count(Failed)

    @property
    def aborted(self) -> int:
        """How many jobs were expired, cancelled or discarded."""
        return self._count(Aborted)

    @property
    def snoozed(self) -> int:
        """How many put their job off."""
        return self._count(Snoozed)

    def _count(self, kind: type) -> int:
        return sum(isinstance(run.outcome, kind) for run in self.runs)


class EndlessDrainError(AssertionError):
    """More jobs were performed than a drain may: do they enqueue each other?"""


class _Listener(Reporter):
    """Keeps how jobs ended."""

    def __init__(self) -> None:
        self.runs: list[Ended] = []

    async def handle_events(self, events: Sequence[Event]) -> None:
        self.runs += [event for event in events if isinstance(event, Ended)]


@attrs.define(eq=False)
class Drain:
    """One drain of a scope.

    Attributes:
        scope: whose jobs.
        queues: which queues, in this order.
        with_scheduled: whether to perform what is for later as well.
        limit: how many runs there may be.
        raise_errors: whether what a job raises ends the drain.
    """

    scope: Scope
    queues: Sequence[str]
    with_scheduled: bool
    limit: int
    raise_errors: bool
    _listener: _Listener = attrs.field(factory=_Listener, init=False)
    _retried: int = attrs.field(default=0, init=False)
    _dead: int = attrs.field(default=0, init=False)

    async def run(self) -> Drained:
        """Perform jobs until none is left.

        Raises:
            EndlessDrainError: there were more than `limit` runs.
        """
        with self.scope.entered():
            await self._empty_queues()
            while self.with_scheduled and await self._stage_next():
                await self._empty_queues()
        return Drained(tuple(self._listener.runs), self._retried, self._dead)

    async def _empty_queues(self) -> None:
        while queue := await self._find_queue():
            done = len(self._listener.runs)
            retries, dead = await self._count_failures()
            await self._work_off(queue)
            retries_after, dead_after = await self._count_failures()
            self._retried += retries_after - retries
            self._dead += dead_after - dead
            if self.raise_errors:
                _raise_first(self._listener.runs[done:])

    async def _find_queue(self) -> str | None:
        """Return the first queue that has jobs and is not paused."""
        redis = self.scope.house.redis
        await self.scope.house.buffer.flush()
        paused = await read_paused(redis)
        for queue in self.queues:
            if queue not in paused and await redis.raw("LLEN", queue_key(queue)):
                return queue
        return None

    async def _count_failures(self) -> tuple[int, int]:
        redis = self.scope.house.redis
        return await redis.raw("ZCARD", "retry"), await redis.raw("ZCARD", _DEAD)

    async def _work_off(self, queue: str) -> None:
        """Open the server half, and wait until *queue* is empty."""
        scope = self.scope
        config = as_in_process(
            scope.scopes.config,
            server=True,
            queues={queue: 1},
            # What is for later is staged here, when its turn has come.
            schedulers=(),
            campaign=False,
        )
        tools = Tools(scope.server, scope.clock, scope.scopes.random)
        async with scope.scopes.open_house(config, tools, (self._listener,)) as house:
            await self._wait_idle(house, queue)

    async def _wait_idle(self, house: House, queue: str) -> None:
        plant = house.plant
        assert plant is not None
        seen, pause = -1, _SHORTEST_LOOK
        while True:
            await self.scope.house.buffer.flush()
            # A job may have paused its own queue.
            queues = {queue}.difference(await read_paused(house.redis))
            waiting = await count_jobs(house.redis, [*queues], plant.lease.identity)
            if not waiting and plant.is_idle:
                return
            runs = self._listener.runs
            if len(runs) > self.limit:
                raise EndlessDrainError(
                    f"more than {self.limit} jobs were performed, at last "
                    f"{name_job(runs[-1].job)}: do they enqueue each other, snooze "
                    "or retry again and again?"
                )
            # Short while jobs go by, long while one takes its (virtual) time.
            pause = _SHORTEST_LOOK if len(runs) > seen else pause * 2
            seen = len(runs)
            await trio.sleep(min(pause, _LONGEST_LOOK))

    async def _stage_next(self) -> bool:
        """Make it the time of the next job that is for later; False if there is none.

        More than one may be due then.
        """
        scope = self.scope
        redis = scope.house.redis
        scores: list[float] = []
        for source in _LATER:
            for _, score in await redis.raw("ZRANGE", source, 0, 0, "WITHSCORES"):
                scores.append(float(score))
        if not scores:
            return False
        scope.clock.move_to(min(scores) + 0.001)
        stager = Stager(
            redis=redis,
            server=scope.server,
            sources=_LATER,
            poll=1.0,
            now=scope.clock,
            random=scope.scopes.random,
            write_time=scope.scopes.config.write_time,
        )
        await stager.stage_all()
        return True


def _raise_first(runs: Sequence[Ended]) -> None:
    """Raise what the first of *runs* that failed has raised."""
    failed = [
        (run.job, run.outcome.error) for run in runs if isinstance(run.outcome, Failed)
    ]
    if not failed:
        return
    job, error = failed[0]
    error.add_note(f"raised by {name_job(job)}, jid {job.jid}, while draining")
    for other, also in failed[1:]:
        error.add_note(f"{name_job(other)} has failed as well: {also!r}")
    raise error
