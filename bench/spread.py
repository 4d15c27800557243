"""No-op jobs under other circumstances: concurrency, and the way to Redis."""

import functools

from bench import drain, enqueue
from bench.clock import Case, Row, interleave, medians
from bench.site import Site
from bench.table import Table
from kiq_trio import Kiq

CONCURRENCIES = (10, 25, 50, 100, 1000)


async def measure_concurrency(site: Site) -> Table:
    """Drain with few and with many jobs at once."""
    cases: dict[str, Case] = {
        str(number): functools.partial(drain.whole, site.url, site.jobs, number)
        for number in CONCURRENCIES
    }
    rounds = await interleave(cases, site.rounds)
    return Table(
        f"Drain {site.jobs:,} no-op jobs, so many at once",
        "Per job. Multiples are of the cost with 10 at once.",
        medians(rounds, str(CONCURRENCIES[0])),
        drain.SHOWN,
    )


async def measure_transport(site: Site) -> Table:
    """Drain and enqueue over the Unix socket and over TCP."""
    rows: dict[str, Row] = {}
    urls = {"Unix socket": site.ends.unix, "loopback TCP": site.ends.tcp}
    given = (site.jobs, drain.CONCURRENCY)
    drains: dict[str, Case] = {
        f"drain, {name}": functools.partial(drain.whole, url, *given)
        for name, url in urls.items()
    }
    rows |= medians(await interleave(drains, site.rounds))
    ways = {enqueue.PING: enqueue.ping, "enqueue, one by one": enqueue.one_by_one}
    async with (
        Kiq(redis_url=site.ends.unix, server=False) as by_unix,
        Kiq(redis_url=site.ends.tcp, server=False) as by_tcp,
    ):
        enqueues = {
            f"{case}, {name}": run
            for (name, url), kiq in zip(urls.items(), (by_unix, by_tcp), strict=True)
            for case, run in enqueue.cases(kiq, url, site.jobs, ways).items()
        }
        rows |= medians(await interleave(enqueues, site.rounds))
    return Table(
        "Unix socket and TCP",
        "Per job or operation, both in the same run.",
        rows,
        enqueue.SHOWN,
    )
