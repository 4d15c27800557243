"""The same jobs worked off by one, two and four processes."""

import functools
from contextlib import AsyncExitStack

from bench import drain
from bench.children import Child, open_child
from bench.clock import Case, Sample, interleave, medians
from bench.meter import Meter
from bench.site import Site
from bench.stock import Stock
from bench.table import Table

NUMBERS = (1, 2, 4)


async def measure(site: Site) -> Table:
    """Let processes wait, give them jobs at one moment, look how fast they go."""
    names = {number: f"{number} x {drain.CONCURRENCY} at once" for number in NUMBERS}
    count = 5 * site.jobs
    cases: dict[str, Case] = {
        name: functools.partial(share, site.url, number, count)
        for number, name in names.items()
    }
    rows = medians(await interleave(cases, site.either(1, 5)), names[1])
    for row in rows.values():
        row["speedup"] = row["rate"] / rows[names[1]]["rate"]
    return Table(
        f"{count:,} no-op jobs, several processes",
        "Client CPU: of all processes. Redis and all of them share this machine.",
        rows,
        (*drain.SHOWN, "speedup"),
    )


async def share(url: str, number: int, count: int) -> Sample:
    """Let *number* processes work off *count* jobs together."""
    await drain.empty(url)
    stock = Stock(url)
    async with AsyncExitStack() as stack:
        children = [
            await stack.enter_async_context(
                open_child("work", url, str(drain.CONCURRENCY))
            )
            for _ in range(number)
        ]
        before = [(await child.hear())["cpu"] for child in children]
        stock.queue(count)
        meter = Meter(url)
        await stock.wait_empty()
        sample = meter.stop(count)
        after = [await _cpu(child) for child in children]
    return Sample(
        count,
        sample.seconds,
        sum(after) - sum(before),
        sample.redis_cpu,
        sample.trips,
        sample.commands,
    )


async def _cpu(child: Child) -> float:
    await child.say()
    cpu: float = (await child.hear())["cpu"]
    return cpu
