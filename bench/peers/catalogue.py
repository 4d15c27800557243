"""Who is measured, in which version, and how each is configured."""

from argparse import ArgumentTypeError

import attrs

CONCURRENCY = 32
THREADS = 8
"""What dramatiq has by default. 32 cost more CPU a job, so threads have two rows."""


@attrs.frozen
class Peer:
    """One row of the tables.

    Attributes:
        name: how the row is called.
        requirements: what pip installs for it; nothing means this environment.
        distribution: of which the version is shown; by default called like the row.
        driver: its file in `bench.peers.drivers`; by default called like the row.
        concurrency: how many jobs may run at once.
        has_bulk: whether it can enqueue many jobs by one call.
        acknowledges: whether Redis knows of a job while it runs, so that a worker
            that is killed does not take it along.
        condition: what a reader has to know to compare it.
    """

    name: str
    requirements: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    distribution: str = attrs.field(kw_only=True)
    driver: str = attrs.field(kw_only=True)
    concurrency: int = attrs.field(default=CONCURRENCY, kw_only=True)
    has_bulk: bool = attrs.field(default=False, kw_only=True)
    acknowledges: bool = attrs.field(default=True, kw_only=True)
    condition: str = attrs.field(kw_only=True)

    @distribution.default
    def _like_name(self) -> str:
        return self.name

    @driver.default
    def _in_python(self) -> str:
        return f"{self.name}.py"

    @property
    def label(self) -> str:
        """Its name as tables show it: who loses jobs is marked."""
        return self.name if self.acknowledges else f"{self.name} †"


def in_threads(peer: Peer) -> tuple[Peer, Peer]:
    """Return *peer* with as many threads as dramatiq has, and as many as others run."""
    few = attrs.evolve(
        peer, concurrency=THREADS, condition=f"{THREADS} threads; {peer.condition}"
    )
    many = attrs.evolve(
        peer,
        name=f"{peer.name}-{CONCURRENCY}",
        condition=f"{CONCURRENCY} threads; {peer.condition}",
    )
    return few, many


PARSER = "hiredis==3.5.0"
CLIENT = ("redis==8.1.0", PARSER)
STREAQ = ("streaq==7.2.0", "trio==0.35.0")

PEERS = (
    Peer(
        "kiq_trio",
        has_bulk=True,
        condition="32 tasks on Trio; until all is settled",
    ),
    Peer(
        "streaq",
        requirements=STREAQ,
        has_bulk=True,
        condition="32 tasks on Trio; keeps results 5 min",
    ),
    Peer(
        "streaq-uvloop",
        requirements=(*STREAQ, "uvloop==0.23.0"),
        distribution="streaq",
        driver="streaq_uvloop.py",
        has_bulk=True,
        condition="32 tasks on asyncio with uvloop; keeps results 5 min",
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
    *in_threads(
        Peer(
            "dramatiq",
            requirements=("dramatiq[redis]==2.2.1", *CLIENT),
            condition="no result",
        )
    ),
    *in_threads(
        Peer(
            "huey",
            requirements=("huey==3.5.4", *CLIENT),
            acknowledges=False,
            condition="no result",
        )
    ),
    Peer(
        "rq",
        requirements=("rq==3.0.0", *CLIENT),
        concurrency=1,
        has_bulk=True,
        condition="SimpleWorker: one at a time, no fork; no result",
    ),
    *in_threads(
        Peer(
            "celery",
            requirements=("celery[redis]==5.7.0", *CLIENT),
            condition="acks late, no result, no gossip",
        )
    ),
    Peer(
        "sidekiq",
        driver="sidekiq.rb",
        has_bulk=True,
        acknowledges=False,
        condition="32 threads; Ruby without YJIT, as the system has it",
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
