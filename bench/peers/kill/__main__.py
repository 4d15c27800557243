"""Kill the worker that runs a job: `python -m bench.peers.kill [--only arq,rq]`.

Two workers wait on an idle queue. One of them gets the only job, which sleeps; its
process is killed (SIGKILL) a second later. How long until the other starts the job?
"""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from bench.conditions import describe
from bench.peers.catalogue import PEERS, Peer, choose
from bench.peers.environments import PeerError, Program, default_cache, prepare
from bench.peers.kill import page
from bench.peers.kill.scene import Scene, kill
from bench.server import open_server

# One of each, for how many threads it has makes no difference here.
KILLED = tuple({peer.distribution: peer for peer in reversed(PEERS)}.values())[::-1]


async def kill_one(peer: Peer, options: argparse.Namespace) -> dict[str, Any]:
    """Kill a worker of *peer* as often as *options* say; return its row."""
    row = {"name": peer.name, "acknowledges": peer.acknowledges, "failure": ""}
    try:
        program = await prepare(peer, options.cache)
        seconds = [
            await _round(peer, program, options.limit) for _ in range(options.rounds)
        ]
    except (PeerError, OSError) as error:
        return {**row, "version": "", "seconds": [], "failure": str(error)}
    return {**row, "version": program.version, "seconds": seconds}


async def _round(peer: Peer, program: Program, limit: float) -> float | None:
    async with open_server(tcp=True) as url:
        with tempfile.TemporaryDirectory(prefix="kiq-") as folder:
            return await kill(Scene(program, peer, url, Path(folder, "runs")), limit)


async def kill_all(peers: Sequence[Peer], options: argparse.Namespace) -> Any:
    """Kill a worker of each of *peers*, all at once: hardly anybody needs the CPU."""
    async with open_server() as url:
        conditions = await describe(url)
    rows: dict[str, dict[str, Any]] = {}

    async def note(peer: Peer) -> None:
        rows[peer.name] = await kill_one(peer, options)

    async with trio.open_nursery() as nursery:
        for peer in peers:
            nursery.start_soon(note, peer)
    conditions["kills"] = f"{options.rounds} of each peer"
    return {
        "conditions": conditions,
        "limit": options.limit,
        "peers": [rows[peer.name] for peer in peers],
    }


def main() -> None:
    """Parse the command line, kill, print the table."""
    parser = argparse.ArgumentParser(prog="bench.peers.kill", description=__doc__)
    parser.add_argument("--only", type=choose, default=KILLED, metavar="NAMES")
    parser.add_argument("--rounds", type=int, default=3, help="kills of each peer")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds to wait")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--docs", action="store_true", help="make the table of the docs anew"
    )
    parser.add_argument("--cache", type=Path, default=default_cache())
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    found = trio.run(kill_all, options.only, options)
    print(page.make(found))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.docs:
        page.write(found)


if __name__ == "__main__":
    main()
