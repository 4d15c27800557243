"""The rows of a process that has nothing to do; `idle` measures them."""

import attrs

from bench import idle
from bench.site import Site
from bench.table import Table

GAPS = {"after 2 ms of rest": 0.002, "after 20 ms of rest": 0.02}


async def measure(site: Site) -> Table:
    """Measure what an idle process costs and how fast it wakes, beside a PING."""
    rows = {}
    for name, gap in GAPS.items():
        found = await idle.measure(
            site.url,
            seconds=site.either(1.0, 10.0),
            jobs=site.either(50, 2_000 if gap < 0.01 else 500),
            gap=gap,
        )
        rows[name] = attrs.asdict(found) | {
            "pings": found.p50_us / found.ping_us,
            "pings_p99": found.p99_us / found.ping_us,
        }
    return Table(
        "Idle",
        "From before `enqueue` until the job runs, one at a time, all in one process; "
        "PINGs in between after the same rest. Round trips are those of enqueueing, "
        "fetching and settling together.",
        rows,
    )
