"""Putting jobs into Redis: one after the other, from many tasks, in bulk."""

import functools

import trio

from bench.clock import Case, Sample, Stopwatch
from bench.drain import PADDING
from kiq_trio import Kiq, worker

TASKS = 50


@worker()
async def noop(n: int, padding: str) -> None:
    """Do nothing, with the arguments of a usual job."""


async def ping(kiq: Kiq, count: int) -> Sample:
    """Ask for nothing, to see what one round trip costs here and now."""
    watch = Stopwatch.start()
    for _ in range(count):
        await kiq.redis.raw("PING")
    return watch.stop(count)


async def one_by_one(kiq: Kiq, count: int) -> Sample:
    """Await each job's `enqueue`."""
    watch = Stopwatch.start()
    for n in range(count):
        await kiq.enqueue(noop.new(n, PADDING))
    return watch.stop(count)


async def from_many_tasks(kiq: Kiq, count: int) -> Sample:
    """The same from fifty tasks at once."""

    async def some() -> None:
        for n in range(count // TASKS):
            await kiq.enqueue(noop.new(n, PADDING))

    watch = Stopwatch.start()
    async with trio.open_nursery() as nursery:
        for _ in range(TASKS):
            nursery.start_soon(some)
    return watch.stop(count)


async def without_waiting(kiq: Kiq, count: int) -> Sample:
    """`enqueue_nowait` and, in the end, `flush`."""
    watch = Stopwatch.start()
    for n in range(count):
        kiq.enqueue_nowait(noop.new(n, PADDING))
    await kiq.flush()
    return watch.stop(count)


async def in_bulk(kiq: Kiq, count: int) -> Sample:
    """All with one `enqueue_many`."""
    watch = Stopwatch.start()
    await kiq.enqueue_many([noop.new(n, PADDING) for n in range(count)])
    return watch.stop(count)


def cases(kiq: Kiq, count: int) -> dict[str, Case]:
    """Return the cases of this measurement by name."""
    few = count // 10
    return {
        "PING, one by one": functools.partial(ping, kiq, few),
        "enqueue, one by one": functools.partial(one_by_one, kiq, few),
        f"enqueue from {TASKS} tasks": functools.partial(from_many_tasks, kiq, count),
        "enqueue_nowait, flush": functools.partial(without_waiting, kiq, count),
        "enqueue_many": functools.partial(in_bulk, kiq, count),
    }
