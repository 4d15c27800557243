"""Redis is back: how long until those who work for it are at work again."""

import random
import sys
import time
from collections import defaultdict

import attrs
import pytest

from kiq_trio import Job
from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.figures import describe, percentile
from tests.faults.herd import Herd
from tests.faults.waiting import wait_until
from tests.faults.worker_process import make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

SHORT = [0.3]
LONG = [0.1, 0.3, 1, 3, 10, 30, 61]
WITHIN = 1.0
"""So many seconds after its return 99 of 100 processes have begun a job."""
FEW = 2.0
"""For all of a few; between two attempts to reach Redis lies up to a second."""


@attrs.frozen
class Bench:
    """Processes that each have a queue of their own, at the pace of production."""

    server: DurableServer
    client: Client
    herd: Herd
    queues: list[str]

    def start(self) -> None:
        for queue in self.queues:
            self.herd.work(queues={queue: 2}, pace=1)
        wait_until(lambda: self.client.hlen("kiq:processes") == len(self.queues))
        self.wait_begun([self.give(1)])

    def give(self, each: int) -> list[Job]:
        """Store so many short jobs for each process."""
        jobs = [
            make_job("nap", 0.1, queue=queue)
            for queue in self.queues
            for _ in range(each)
        ]
        store(self.server.unix_url, jobs)
        return jobs

    def wait_begun(self, batches: list[list[Job]]) -> None:
        jids = {job.jid for batch in batches for job in batch}
        wait_until(lambda: jids <= self.herd.history.runs.keys())

    def delays(self, jobs: list[Job], since: float) -> list[float]:
        """Return how long after *since* each process began its first of *jobs*."""
        began: dict[str, list[float]] = defaultdict(list)
        runs = self.herd.history.runs
        for job in jobs:
            began[job.queue] += [run.began for run in runs[job.jid]]
        return [
            min(at for at in times if at > since) - since for times in began.values()
        ]


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("how", ["killed", "hung"])
def test_work_goes_on_within_a_second_of_the_return_of_redis(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    how: str,
    *,
    is_busy: bool,
    is_long: bool,
) -> None:
    queues = [f"q{number}" for number in range(10 if is_long else 2)]
    bench = Bench(durable, client, herd, queues)
    bench.start()
    delays: list[float] = []
    given: list[Job] = []
    for outage in LONG if is_long else SHORT:
        time.sleep(rng.uniform(2, 4) if is_long else 0.5)
        jobs = bench.give(40) if is_busy else []
        time.sleep(0.3)
        durable.kill() if how == "killed" else durable.pause()
        time.sleep(outage)
        durable.start() if how == "killed" else durable.resume()
        back_at = time.monotonic()
        jobs += [] if is_busy else bench.give(1)
        bench.wait_begun([jobs])
        delays += bench.delays(jobs, back_at)
        given += jobs
    wait_until(lambda: len(herd.history.ended) == len(given) + len(queues))
    herd.stop()

    verdict = audit(World.read(client), herd.history, [job.jid for job in given])
    sys.stdout.write(f"{verdict}\nafter the return of Redis: {describe(delays)}\n")
    verdict.assert_sound()
    assert verdict.where == {"done": len(given)}
    assert verdict.history.extra == 0
    assert herd.registrations == len(queues)
    assert percentile(delays, 99) <= (WITHIN if is_long else FEW)
