"""Measure kiq_trio beside its peers: `python -m bench.peers [--only dramatiq,rq]`."""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

import trio

from bench.conditions import describe
from bench.peers import page
from bench.peers.catalogue import CONCURRENCY, PEERS, choose
from bench.peers.environments import default_cache
from bench.peers.runner import Bench
from bench.server import open_server


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure what *options* say on a server of our own; return it, fit for JSON."""
    async with open_server(tcp=True) as url:
        conditions = await describe(url)
        conditions["jobs"] = (
            f"{options.jobs:,} that do nothing, after {max(1, options.jobs // 10):,} to"
            f" warm up; one process, {CONCURRENCY} at once where not said otherwise"
        )
        conditions["figures"] = f"medians of {options.rounds} interleaved rounds"
        bench = Bench(url, options.jobs, options.cache, options.timeout)
        found = await bench.measure_all(options.only, options.rounds)
    return page.to_json(options.only, found, conditions)


def main() -> None:
    """Parse the command line, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="bench.peers", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000, help="how many are measured")
    parser.add_argument("--rounds", type=int, default=3, help="how often, interleaved")
    parser.add_argument(
        "--only",
        type=choose,
        default=PEERS,
        metavar="NAMES",
        help=f"with commas, of: {', '.join(peer.name for peer in PEERS)}",
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--docs", action="store_true", help="make the page of the docs anew from them"
    )
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument(
        "--timeout", type=float, default=120.0, help="seconds for each part of a peer"
    )
    options = parser.parse_args()
    for name, value in (("jobs", options.jobs), ("rounds", options.rounds)):
        if value < 1:
            parser.error(f"--{name} must be at least 1, not {value}")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    found = trio.run(measure, options)
    print(page.make(found)["tables.md"])
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.docs:
        page.write(found)


if __name__ == "__main__":
    main()
