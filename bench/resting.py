"""The row of a process that has nothing to do; `idle` measures it."""

import attrs

from bench import idle
from bench.site import Site
from bench.table import Table


async def measure(site: Site) -> Table:
    """Measure what an idle process costs and how fast it wakes, beside a PING."""
    found = await idle.measure(
        site.url, seconds=site.either(1.0, 10.0), jobs=site.either(50, 300)
    )
    row = attrs.asdict(found) | {
        "pings": found.start_us / found.ping_us,
        "pings_p99": found.start_p99_us / found.ping_us,
    }
    return Table(
        "Idle",
        "From before `enqueue` until the job runs; a PING of the same run beside it.",
        {"one job now and then": row},
    )
