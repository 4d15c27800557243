"""Putting jobs into Redis: one after the other, from many tasks, in bulk, durably."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import trio

from bench.clock import Case, Row, Sample, interleave, medians
from bench.loads import PADDING
from bench.meter import Meter
from bench.server import DURABLE, open_ends
from bench.site import Site
from bench.table import Table
from kiq_trio import Kiq, worker

TASKS = 50
_BULK = 1_000
PING = "PING, one by one"
SHOWN = ("rate", "best", "cpu_us", "least_us", "redis_us", "trips", "commands")


@worker()
async def noop(n: int, padding: str) -> None:
    """Do nothing, with the arguments of a usual job."""


async def measure(site: Site) -> Table:
    """Measure all ways, and some again with every write on the disk."""
    few = site.jobs // 10
    rows = await _measure(site.url, site.jobs, site.rounds, WAYS)
    async with open_ends(*DURABLE) as ends:
        durable = await _measure(ends.unix, few, site.rounds, DURABLY)
    return Table(
        "Enqueue",
        "Per job. Durable: Redis has `appendonly yes` and `appendfsync always`.",
        rows | {f"durable: {name}": row for name, row in durable.items()},
        SHOWN,
    )


async def _measure(
    url: str, count: int, rounds: int, ways: Mapping[str, "Way"]
) -> dict[str, Row]:
    async with Kiq(redis_url=url, server=False, buffer_limit=2 * count) as kiq:
        found = await interleave(cases(kiq, url, count, ways), rounds)
        await kiq.redis.flushall()
    return medians(found)


def cases(kiq: Kiq, url: str, count: int, ways: Mapping[str, "Way"]) -> dict[str, Case]:
    """Return the cases of this measurement by name; the slow ones have fewer jobs."""
    return {
        name: functools.partial(
            _metered, way, kiq, url, count // 10 if way in SLOW else count
        )
        for name, way in ways.items()
    }


async def _metered(way: "Way", kiq: Kiq, url: str, count: int) -> Sample:
    meter = Meter(url)
    await way(kiq, count)
    return meter.stop(count)


async def ping(kiq: Kiq, count: int) -> None:
    """Ask for nothing, to see what one round trip costs here and now."""
    for _ in range(count):
        await kiq.redis.raw("PING")


async def one_by_one(kiq: Kiq, count: int) -> None:
    """Await each job's `enqueue`."""
    for n in range(count):
        await kiq.enqueue(noop.new(n, PADDING))


async def from_many_tasks(kiq: Kiq, count: int) -> None:
    """The same from fifty tasks at once."""

    async def some() -> None:
        for n in range(count // TASKS):
            await kiq.enqueue(noop.new(n, PADDING))

    async with trio.open_nursery() as nursery:
        for _ in range(TASKS):
            nursery.start_soon(some)


async def without_waiting(kiq: Kiq, count: int) -> None:
    """`enqueue_nowait` and, in the end, `flush`."""
    for n in range(count):
        kiq.enqueue_nowait(noop.new(n, PADDING))
    await kiq.flush()


async def in_bulk(kiq: Kiq, count: int) -> None:
    """A thousand with each `enqueue_many`, as Sidekiq's `perform_bulk` sends them."""
    for start in range(0, count, _BULK):
        some = range(start, min(count, start + _BULK))
        await kiq.enqueue_many([noop.new(n, PADDING) for n in some])


async def all_at_once(kiq: Kiq, count: int) -> None:
    """All with one `enqueue_many`, which keeps so many objects in memory."""
    await kiq.enqueue_many([noop.new(n, PADDING) for n in range(count)])


Way: TypeAlias = Callable[[Kiq, int], Awaitable[None]]

SLOW = (ping, one_by_one)
DURABLY: dict[str, Way] = {
    PING: ping,
    "enqueue, one by one": one_by_one,
    f"enqueue from {TASKS} tasks": from_many_tasks,
    "enqueue_many": in_bulk,
}
WAYS: dict[str, Way] = DURABLY | {
    "enqueue_many, all in one": all_at_once,
    "enqueue_nowait, flush": without_waiting,
}
