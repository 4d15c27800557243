"""Jobs by the million, workers and the server killed all the while: what is lost?

`python -m tests.faults.million` takes some minutes; with `--jobs 50000 --worker-kills
50 --server-kills 5` it takes some seconds. It ends with 1 if a bound is missed.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from kiq_trio import Job
from tests.faults.audit import Client, Verdict, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained
from tests.faults.worker_process import make_job
from tests.simulation.mutants import MUTANTS

QUEUES = {"default": 12, "events": 13}
WORKERS = 4
CHUNK = 20_000
"""How many jobs wait at least, as long as there are any: nobody is killed idle."""
LASTING = 25
"""One job in so many takes its time: what is over at once is hardly ever killed."""
MOST_RUNS = 3
"""What is recovered for the third time is given up."""


@attrs.define
class Campaign:
    """What is to be done, and what has been.

    Attributes:
        jobs: how many.
        worker_kills: how many workers are killed.
        server_kills: how often the server is.
        rng: where chance comes from.
        options: what the workers are told beside their queues.
        stored: the jobs that Redis has acknowledged.
        in_flight: how many of them the killed workers held.
    """

    jobs: int
    worker_kills: int
    server_kills: int
    rng: random.Random
    options: Mapping[str, Any] = attrs.field(factory=dict)
    stored: list[str] = attrs.field(factory=list)
    in_flight: int = 0

    def deeds(self) -> Iterator[tuple[int, str]]:
        """Give who is killed when so many jobs are under way or done."""
        deeds = ["worker"] * self.worker_kills + ["server"] * self.server_kills
        self.rng.shuffle(deeds)
        moments = sorted(self.rng.randrange(self.jobs) for _ in deeds)
        yield from zip(moments, deeds, strict=True)

    def more(self) -> list[Job]:
        """Return the next jobs."""
        count = min(CHUNK, self.jobs - len(self.stored))
        queues = self.rng.choices(list(QUEUES), k=count)
        first = len(self.stored)
        return [
            make_job("nap", 0.0 if n % LASTING else 0.02, queue=queue)
            for n, queue in enumerate(queues, first)
        ]


def run(campaign: Campaign, server: DurableServer, herd: Herd, client: Client) -> None:
    """Kill them all, one after the other; what is left is worked off undisturbed."""
    for _ in range(WORKERS):
        herd.work(queues=QUEUES, **campaign.options)
    for moment, deed in campaign.deeds():
        work_until(moment, campaign, server, client)
        if deed == "server":
            server.restart()
        else:
            kill_worker(campaign, herd, client)
            herd.work(queues=QUEUES, **campaign.options)
    work_until(campaign.jobs, campaign, server, client)
    wait_drained(client, timeout=60)
    herd.stop()


def work_until(
    moment: int, campaign: Campaign, server: DurableServer, client: Client
) -> None:
    """Wait until so many jobs have left their queues, and see to it that some wait."""
    while True:
        waiting = sum(client.llen(f"queue:{name}") for name in QUEUES)
        if waiting < CHUNK and len(campaign.stored) < campaign.jobs:
            campaign.stored += store(server.unix_url, campaign.more())
        elif len(campaign.stored) - waiting >= moment:
            return
        else:
            time.sleep(0.005)


def kill_worker(campaign: Campaign, herd: Herd, client: Client) -> None:
    """Kill one of them, and look what it held."""
    process = campaign.rng.choice(herd.alive)
    process.kill()
    for key in client.scan_iter(f"kiq:backup|*:{process.pid}:*", count=10_000):
        campaign.in_flight += client.hlen(key)


def rows(
    campaign: Campaign, verdict: Verdict, seconds: float
) -> list[tuple[str, int, int | None]]:
    """Return what was counted, and what it may be at most."""
    return [
        ("jobs", campaign.jobs, None),
        ("kill -9 of workers", campaign.worker_kills, None),
        ("kill -9 of Redis", campaign.server_kills, None),
        ("seconds", round(seconds), 600),
        ("lost", len(verdict.lost), 0),
        ("in two places", len(verdict.doubled), 0),
        ("held by nobody", len(verdict.abandoned), 0),
        ("keys of nobody", len(verdict.unknown_keys), 0),
        ("not done or given up", unfinished(verdict), 0),
        ("given up, recovered three times", verdict.where["dead"], None),
        ("in flight at the kills", campaign.in_flight, None),
        ("runs that were not the first", verdict.history.extra, campaign.in_flight),
        ("runs of one job", verdict.history.most, MOST_RUNS),
    ]


def unfinished(verdict: Verdict) -> int:
    return verdict.where.total() - verdict.where["done"] - verdict.where["dead"]


def show(table: Sequence[tuple[str, int, int | None]]) -> bool:
    """Print *table*; return whether every bound is kept."""
    is_kept = True
    sys.stdout.write("| what | figure | at most |\n|---|--:|--:|\n")
    for name, figure, bound in table:
        limit = "" if bound is None else f"{bound:,}"
        sys.stdout.write(f"| {name} | {figure:,} | {limit} |\n")
        is_kept &= bound is None or figure <= bound
    sys.stdout.write(f"\n{'every' if is_kept else 'NOT every'} bound is kept\n")
    return is_kept


def main() -> int:
    """Run a campaign as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--worker-kills", type=int, default=1000)
    parser.add_argument("--server-kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--mistake", choices=MUTANTS, help="made by the workers")
    given = parser.parse_args()
    sys.stdout.write(f"--seed {given.seed}\n")
    campaign = Campaign(
        given.jobs,
        given.worker_kills,
        given.server_kills,
        random.Random(given.seed),
        options={} if given.mistake is None else {"mistake": given.mistake},
    )
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="kiq-") as folder,
        DurableServer() as server,
        server.client(decode_responses=True) as client,
        Herd(server.unix_url, Path(folder)) as herd,
    ):
        run(campaign, server, herd, client)
        seconds = time.monotonic() - began
        verdict = audit(World.read(client), herd.history, campaign.stored)
    return 0 if show(rows(campaign, verdict, seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
