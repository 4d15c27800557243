"""Measure kiq_trio beside its peers: `python -m bench.peers [--only dramatiq,rq]`."""

import argparse
import functools
import json
import logging
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from bench.peers.catalogue import PEERS, Peer, choose
from bench.peers.environments import default_cache
from bench.peers.runner import Bench, Row
from bench.peers.table import render, to_json
from bench.server import open_server
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.servers import server_from_url


async def measure(
    peers: Sequence[Peer], *, jobs: int, rounds: int, cache: Path, timeout: float
) -> tuple[str, list[Row]]:
    """Measure *peers* on a server of our own; return the conditions and the rows."""
    async with open_server(tcp=True) as url:
        where = await _conditions(url, jobs, rounds)
        bench = Bench(url, jobs, cache, timeout)
        return where, await bench.measure_all(peers, rounds)


async def _conditions(url: str, jobs: int, rounds: int) -> str:
    async with open_redis(server_from_url(url)) as redis:
        info = await redis.info("server")
    load, *_ = os.getloadavg()
    return (
        f"{jobs:,} no-op jobs after {max(1, jobs // 10):,} to warm up, enqueued before,"
        f" drained by one process; the median by client CPU of {rounds} interleaved"
        f" rounds; Python {platform.python_version()},"
        f" Redis {info['redis_version']} over loopback TCP without persistence,"
        f" {os.cpu_count()} cores of {platform.machine()}, load average {load:.1f}"
        " at the start"
    )


def main() -> None:
    """Parse the command line, measure, print the table."""
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
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument(
        "--timeout", type=float, default=120.0, help="seconds for each half of a peer"
    )
    options = parser.parse_args()
    for name, value in (("jobs", options.jobs), ("rounds", options.rounds)):
        if value < 1:
            parser.error(f"--{name} must be at least 1, not {value}")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    conditions, rows = trio.run(
        functools.partial(
            measure,
            options.only,
            jobs=options.jobs,
            rounds=options.rounds,
            cache=options.cache,
            timeout=options.timeout,
        )
    )
    print(f"{conditions}\n\n{render(rows)}")
    if options.json is not None:
        found = {"conditions": conditions, "peers": [to_json(row) for row in rows]}
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
