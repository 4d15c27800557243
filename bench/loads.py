"""The kinds of jobs that are drained: what each does, and how it gets into Redis."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import trio

from kiq_trio import Job, Kiq, Timing, current_job, worker
from kiq_trio.worker import AnyWorker

PADDING = "x" * 180
"""Makes a payload about 300 bytes long."""

_EACH = 10_000
_FILL_RATE = 10_000


@attrs.define
class Tally:
    """Counts the jobs that are done.

    Attributes:
        count: how many there are.
        all_done: set by the last.
    """

    count: int
    all_done: trio.Event = attrs.field(factory=trio.Event)
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    def restart(self) -> None:
        """Count from the beginning."""
        self.all_done, self._numbers = trio.Event(), itertools.count(1)

    def is_last(self) -> bool:
        """Count one, in whatever thread; whether there is no more."""
        # Atomic, which `+= 1` is not.
        return next(self._numbers) == self.count

    def tick(self) -> None:
        """Count one, in Trio's thread."""
        if next(self._numbers) == self.count:
            self.all_done.set()


Maker: TypeAlias = Callable[[Tally], AnyWorker]


@attrs.frozen
class Load:
    """A kind of job.

    Attributes:
        make: returns the worker, given what counts its jobs.
        padding: the second argument of each job; the first is its number.
        is_for_later: whether all jobs are scheduled, and due when the clock starts.
        options: what the `Kiq` is given beside the usual.
    """

    make: Maker
    padding: str = PADDING
    is_for_later: bool = False
    options: Mapping[str, Any] = attrs.field(factory=dict)

    async def fill(self, url: str, count: int) -> None:
        """Put *count* jobs into Redis beside what is there."""
        made = self.make(Tally(count))
        due_at = time.time() + 0.5 + count / _FILL_RATE
        async with Kiq(redis_url=url, server=False) as kiq:
            for start in range(0, count, _EACH):
                some = range(start, min(count, start + _EACH))
                jobs: list[Job] = [made.new(n, self.padding) for n in some]
                await kiq.enqueue_many(jobs, at=due_at if self.is_for_later else None)
        if self.is_for_later:
            await trio.sleep(max(0.0, due_at - time.time()))


def _noop(tally: Tally) -> AnyWorker:
    tick = tally.tick

    @worker(name="noop")
    async def noop(n: int, padding: str) -> None:  # noqa: ARG001 - as a job has.
        tick()

    return noop


def _sleeping(tally: Tally) -> AnyWorker:
    @worker(name="sleeping")
    async def sleeping(n: int, padding: str) -> None:  # noqa: ARG001 - see noop.
        await trio.sleep(0.001)
        tally.tick()

    return sleeping


def _threaded(tally: Tally) -> AnyWorker:
    @worker(name="threaded")
    def threaded(n: int, padding: str) -> None:  # noqa: ARG001 - see noop.
        if tally.is_last():
            trio.from_thread.run_sync(tally.all_done.set)

    return threaded


def _failing(tally: Tally) -> AnyWorker:
    @worker(name="failing", retry_in=lambda *_: 0.001)
    async def failing(n: int, padding: str) -> None:  # noqa: ARG001 - see noop.
        if current_job().retry_count is None:
            raise RuntimeError("the first time it fails")
        tally.tick()

    return failing


def _unique(tally: Tally) -> AnyWorker:
    @worker(name="unique", unique_for=3600)
    async def unique(n: int, padding: str) -> None:  # noqa: ARG001 - see noop.
        tally.tick()

    return unique


NOOP = Load(_noop)
FAILING = Load(_failing, options={"timing": Timing(poll=0.1)})
"""Each fails once. The stager looks ten times a second, so that it is not it which
is waited for: by default it looks each five."""

SCHEDULED = Load(_noop, is_for_later=True)
LOADS = {
    "trio.sleep(1 ms)": Load(_sleeping),
    "in a thread": Load(_threaded),
    "10 KiB of arguments": Load(_noop, padding="x" * 10_240),
    "fails once, is retried": FAILING,
    "unique": Load(_unique),
    "scheduled, has become due": SCHEDULED,
}
