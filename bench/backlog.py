"""Whether jobs cost more when many others wait: in the queue, schedule and retry."""

import functools

from bench import drain
from bench.clock import Case, Row, Sample, interleave, medians
from bench.loads import FAILING, NOOP, SCHEDULED, Load
from bench.site import Site
from bench.stock import Stock
from bench.table import Table

KINDS: dict[str, tuple[Load, int]] = {
    "queue": (NOOP, 1),
    "schedule": (SCHEDULED, 2),
    "retry": (FAILING, 8),
}
"""Which jobs are drained beside which that wait, and how many fewer of them."""


async def measure(site: Site) -> Table:
    """Drain beside ever more jobs that wait in the same place."""
    sizes = site.either((1_000, 10_000), (1_000, 10_000, 100_000, 1_000_000))
    rows: dict[str, Row] = {}
    for place, (load, divisor) in KINDS.items():
        names = {f"{size:,} in {place}": size for size in sizes}
        given = (load, site.url, site.jobs // divisor)
        cases: dict[str, Case] = {
            name: functools.partial(beside, place, size, *given)
            for name, size in names.items()
        }
        base, *_ = names
        found = medians(await interleave(cases, site.either(1, 5)), base)
        for row in found.values():
            row["speedup"] = row["rate"] / found[base]["rate"]
        rows |= found
    return Table(
        "Beside a backlog",
        "No-op jobs from a queue of such a length; scheduled jobs that become due, and"
        " jobs that fail once, beside such a number that wait for tomorrow.",
        rows,
        (*drain.SHOWN, "speedup"),
    )


async def beside(place: str, size: int, load: Load, url: str, count: int) -> Sample:
    """Drain *count* jobs while *size* others wait in *place*."""
    await drain.empty(url)
    stock = Stock(url)
    if place == "queue":
        stock.queue(size + count)
        return await drain.work_off(load, url, count, drain.CONCURRENCY, rest=size)
    stock.later(place, size)
    await load.fill(url, count)
    return await drain.work_off(load, url, count, drain.CONCURRENCY)
