"""Run all measurements and print their tables: `python -m bench [--quick]`."""

import argparse
import json
import logging
import platform
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import attrs
import trio

from bench import drain, enqueue, idle
from bench.clock import Median, interleave
from bench.server import open_server
from kiq_trio import Kiq, __version__

CONCURRENCY = 25


def show(title: str, medians: Mapping[str, Median], against: str) -> None:
    """Print one table; ratios are to the case called *against*."""
    base = medians[against]
    print(f"\n{title}")
    print(f"  {'':36}{'ops/s':>9}{'best':>9}{'CPU us':>8}{'least':>7}{'x CPU':>7}")
    for name, found in medians.items():
        print(
            f"  {name:36}{found.rate:9,.0f}{found.best:9,.0f}{found.cpu_us:8.1f}"
            f"{found.least_us:7.1f}{found.cpu_us / base.cpu_us:7.2f}"
        )


async def measure(url: str, *, quick: bool) -> dict[str, object]:
    """Measure everything; return it, fit for JSON."""
    rounds = 3 if quick else 9
    count = 5_000 if quick else 20_000
    print(
        f"kiq_trio {__version__}, Python {platform.python_version()}, "
        f"trio {trio.__version__}; medians of {rounds} interleaved rounds"
    )
    with tempfile.TemporaryDirectory() as folder:
        cases = drain.cases(url, count, CONCURRENCY, Path(folder))
        drained = await interleave(cases, rounds)
    show(f"Drain {count:,} no-op jobs, concurrency 25", drained, "bare loop")
    async with Kiq(redis_url=url, server=False, buffer_limit=2 * count) as kiq:
        enqueued = await interleave(enqueue.cases(kiq, count), rounds)
        await kiq.redis.flushall()
    show("Enqueue", enqueued, "PING, one by one")
    lazy = await idle.measure(
        url, seconds=2 if quick else 10, jobs=100 if quick else 300
    )
    print("\nIdle")
    print(f"  CPU                     {lazy.cpu:8.2%} of a core")
    print(f"  PING, median            {lazy.ping_us:8.0f} us")
    print(
        f"  enqueue to start, median{lazy.start_us:8.0f} us = "
        f"{lazy.start_us / lazy.ping_us:.1f} PINGs; p99 {lazy.start_p99_us:.0f} us"
    )
    return {
        "drain": {name: attrs.asdict(found) for name, found in drained.items()},
        "enqueue": {name: attrs.asdict(found) for name, found in enqueued.items()},
        "idle": attrs.asdict(lazy),
    }


async def measure_all(quick: bool) -> dict[str, object]:  # noqa: FBT001 - trio.run passes by position.
    """Measure on a server of our own."""
    async with open_server() as url:
        return await measure(url, quick=quick)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    found = trio.run(measure_all, options.quick)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
