"""Who is measured, in which version, and how each is configured."""

from argparse import ArgumentTypeError

import attrs

CONCURRENCY = 32
THREADS = 8
"""For those that run jobs in threads: dramatiq's default; 32 cost more CPU a job."""


@attrs.frozen
class Peer:
    """One row of the table.

    Attributes:
        name: its distribution, and its module in `bench.peers.drivers`.
        requirements: what pip installs for it; nothing means this environment.
        concurrency: how many jobs may run at once.
        condition: what a reader has to know to compare it.
    """

    name: str
    requirements: tuple[str, ...] = attrs.field(kw_only=True)
    concurrency: int = attrs.field(default=CONCURRENCY, kw_only=True)
    condition: str = attrs.field(kw_only=True)


PARSER = "hiredis==3.5.0"
CLIENT = ("redis==8.1.0", PARSER)

PEERS = (
    Peer(
        "kiq_trio",
        requirements=(),
        condition="32 tasks on Trio; until all is settled",
    ),
    Peer(
        "streaq",
        requirements=("streaq==7.2.0", "trio==0.35.0"),
        condition="32 tasks on Trio; keeps results 5 min",
    ),
    Peer(
        "taskiq",
        requirements=("taskiq==0.13.0", "taskiq-redis==1.2.4", *CLIENT),
        condition="32 tasks on asyncio; stream, no result",
    ),
    Peer(
        "arq",
        requirements=("arq==0.28.0", "redis==5.3.1", PARSER),
        condition="32 tasks on asyncio; polls each 10 ms, no result",
    ),
    Peer(
        "saq",
        requirements=(
            "saq==0.26.4",
            "redis==7.4.1",
            "typing-extensions==4.16.0",
            PARSER,
        ),
        condition="32 tasks on asyncio; keeps results 10 min",
    ),
    Peer(
        "dramatiq",
        requirements=("dramatiq[redis]==2.2.1", *CLIENT),
        concurrency=THREADS,
        condition="8 threads (its default); no result",
    ),
    Peer(
        "huey",
        requirements=("huey==3.5.4", *CLIENT),
        concurrency=THREADS,
        condition="8 threads; no result, acknowledges nothing",
    ),
    Peer(
        "rq",
        requirements=("rq==3.0.0", *CLIENT),
        concurrency=1,
        condition="SimpleWorker: one at a time, no fork; no result",
    ),
    Peer(
        "celery",
        requirements=("celery[redis]==5.7.0", *CLIENT),
        concurrency=THREADS,
        condition="8 threads; acks late, no result, no gossip",
    ),
)


def choose(names: str) -> tuple[Peer, ...]:
    """Return the peers of a list with commas, in the order of the catalogue.

    Raises:
        ArgumentTypeError: it names one that is not in the catalogue.
    """
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    known = [peer.name for peer in PEERS]
    if unknown := wanted.difference(known):
        raise ArgumentTypeError(
            f"no peer is called {', '.join(sorted(unknown))}; there are"
            f" {', '.join(known)}"
        )
    return tuple(peer for peer in PEERS if peer.name in wanted)
