"""Workers killed at random moments lose nothing, and repeat only what they held."""

import random
import sys
import time
from statistics import median

import attrs
import pytest

from kiq_trio import Job
from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd, Process
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

QUEUES = {"default": 10, "events": 4}
WORKERS = 4
MEAN_GAP = 0.35


@attrs.define
class Kills:
    """Who was killed when, and what they held.

    Attributes:
        held: the jobs each held, and when it was killed.
        idle: how many were killed while nothing was waiting.
    """

    held: list[tuple[float, set[str]]] = attrs.field(factory=list)
    idle: int = 0

    @property
    def in_flight(self) -> int:
        return sum(len(jids) for _, jids in self.held)


def make_jobs(rng: random.Random, count: int, mean: float) -> list[Job]:
    kinds = ["nap"] * 90 + ["thread"] * 5 + ["flaky"] * 3 + ["doomed"] * 2
    return [
        make_job(
            rng.choice(kinds),
            rng.uniform(0, 2 * mean),
            queue=rng.choices(list(QUEUES), list(QUEUES.values()))[0],
        )
        for _ in range(count)
    ]


def kill_one(process: Process, client: Client, kills: Kills) -> None:
    at = time.monotonic()
    process.kill()
    world = World()
    for key in client.scan_iter(f"kiq:backup|*:{process.pid}:*", count=1000):
        world.read_key(client, str(key))
    kills.held.append((at, set(world.places)))
    kills.idle += not client.llen("queue:default")


def test_killed_workers_lose_nothing_and_repeat_only_what_they_held(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    count, jobs_count = (200, 50_000) if is_long else (20, 5_000)
    # So long that work is left at the last kill, whatever the machine and the dice:
    # the sum of so many gaps of chance varies by a part of 1 / sqrt(count).
    margin = 1.2 + 3.6 / count**0.5
    mean = margin * count * MEAN_GAP * WORKERS * sum(QUEUES.values()) / jobs_count
    jobs = make_jobs(rng, jobs_count, mean)
    store(durable.unix_url, jobs)
    kills = Kills()

    began = time.monotonic()
    for _ in range(WORKERS):
        herd.work(queues=QUEUES)
    for _ in range(count):
        time.sleep(rng.expovariate(1 / MEAN_GAP))
        kill_one(rng.choice(herd.alive), client, kills)
        herd.work(queues=QUEUES)
    killed = time.monotonic()
    wait_drained(client, timeout=60)
    drained = time.monotonic()
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, [job.jid for job in jobs])
    doomed = {job.jid for job in jobs if job.job_class == "doomed"}
    poisoned = world.jids("dead") - doomed
    delays = recovery_delays(kills, herd)
    sys.stdout.write(
        f"{count} kills, {jobs_count} jobs, {kills.in_flight} in flight at the kills, "
        f"{kills.idle} kills of idle workers\n{verdict}\n{len(poisoned)} of the dead "
        f"were recovered three times; killing took {killed - began:.1f} s, draining "
        f"{drained - killed:.1f} s\nfrom a kill until its first job ran again: "
        f"median {median(delays):.2f} s, longest {max(delays):.2f} s\n"
    )
    verdict.assert_sound()
    assert set(verdict.where) <= {"done", "dead"}
    assert doomed <= world.jids("dead")
    assert verdict.history.extra <= kills.in_flight
    assert verdict.history.most <= 3
    assert_poisoned(world, poisoned)
    assert not kills.idle
    assert not any(process.errors for process in herd.processes)


def assert_poisoned(world: World, jids: set[str]) -> None:
    for jid in jids:
        [place] = world.places[jid]
        assert place.payload["error_class"] == "kiq_trio.PoisonPill"
        assert len(place.payload["kiq_recovered"]) >= 3


def recovery_delays(kills: Kills, herd: Herd) -> list[float]:
    """Return, for each kill, how long until one of its jobs ran again."""
    runs = herd.history.runs
    delays = []
    for at, jids in kills.held:
        again = [
            run.began - at
            for jid in jids
            for run in runs.get(jid, [])
            if run.began > at
        ]
        if again:
            delays.append(min(again))
    return delays


def test_the_jobs_of_a_killed_worker_run_again_within_three_seconds(
    durable: DurableServer, client: Client, herd: Herd
) -> None:
    """That is 35 s at the pace of production."""
    store(durable.unix_url, [make_job("nap", 60) for _ in range(5)])
    victim = herd.work(queues=QUEUES)
    wait_until(lambda: len(herd.history.runs) == 5)
    herd.work(queues=QUEUES)
    # The other one must have seen the victim's last beat.
    wait_until(lambda: client.hlen("kiq:processes") == 2)
    kills = Kills()
    kill_one(victim, client, kills)
    wait_until(lambda: herd.history.extra == 5)

    assert kills.in_flight == 5
    assert max(recovery_delays(kills, herd)) <= 3
