"""A server that dies and comes back costs no job, and none runs twice."""

import random
import shutil
import sys
import time

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import TIMING, make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]


def test_a_killed_server_loses_nothing_and_work_resumes_when_it_is_back(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    kills = 100 if is_long else 4
    jids: list[str] = []
    for _ in range(2):
        herd.work(queues={"default": 10})
    enqueuer = herd.enqueue(pause=0.01, kinds=["nap", "thread", "flaky"], seconds=0.02)
    resumed = []

    for _ in range(kills):
        # However slow the machine is, some wait when the server is back.
        if client.llen("queue:default") < 1000:
            naps = [make_job("nap", rng.uniform(0, 0.1)) for _ in range(1000)]
            jids += store(durable.unix_url, naps)
        time.sleep(rng.uniform(0.3, 1))
        durable.kill()
        time.sleep(rng.uniform(0, 0.5))
        durable.start()
        resumed.append(seconds_until_work_resumes(client, herd))

    enqueuer.terminate()
    draining_at = time.monotonic()
    wait_drained(client, timeout=60)
    drained_in = time.monotonic() - draining_at
    herd.stop()
    world = World.read(client)

    jids += herd.acknowledged
    verdict = audit(world, herd.history, jids)
    times = ", ".join(f"{seconds:.2f}" for seconds in sorted(resumed))
    sys.stdout.write(
        f"{kills} kills of the server, {len(jids)} jobs\n{verdict}\n"
        f"work resumed after {times} s, all was done {drained_in:.1f} s after the end\n"
    )
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    assert verdict.history.extra == 0
    assert herd.registrations == 2
    assert max(resumed) <= 2
    assert not any(process.errors for process in herd.processes)


def seconds_until_work_resumes(client: Client, herd: Herd) -> float:
    """Return how long until a job runs that was waiting when the server was back."""
    back_at = time.monotonic()
    waiting = World()
    waiting.read_key(client, "queue:default")
    assert waiting.places, "more jobs are needed: the workers are too fast"
    wait_until(lambda: waiting.places.keys() & herd.history.runs.keys())
    runs = herd.history.runs
    return min(runs[jid][0].began for jid in waiting.places if jid in runs) - back_at


def test_when_the_server_hangs_for_longer_than_a_burial_nobody_is_buried(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    workers = [herd.work(queues={"default": 10}) for _ in range(2)]
    enqueuer = herd.enqueue(pause=0.01, seconds=0.05)
    resumed = []

    for _ in range(20 if is_long else 2):
        wait_for_more_runs(herd)
        durable.pause()
        time.sleep(rng.uniform(1, 2) * TIMING.burial)
        durable.resume()
        resumed.append(wait_for_more_runs(herd))
    enqueuer.terminate()
    wait_drained(client)
    # If somebody is wrongly believed dead, it shows by now.
    time.sleep(TIMING.burial)
    registered = client.hlen("kiq:processes")
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, herd.acknowledged)
    sys.stdout.write(
        f"{len(resumed)} hangs\n{verdict}\n"
        f"50 jobs were run {max(resumed):.2f} s after the end of each\n"
    )
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    assert verdict.history.extra == 0
    assert (registered, herd.registrations) == (2, 2)
    assert not any("dead" in worker.log for worker in workers)


def test_when_it_hangs_beyond_the_fence_exclusive_jobs_run_again_and_no_others(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    """Nobody can know then whether another has them: so those runs are ended."""
    for _ in range(2):
        herd.work(queues={"default": 10})
    kinds = {"alone": list[str](), "nap": list[str]()}
    rounds = 20 if is_long else 1

    for _ in range(rounds):
        for kind, known in kinds.items():
            jobs = [make_job(kind, 2 * TIMING.burial) for _ in range(10)]
            known.extend(store(durable.unix_url, jobs))
        wait_until(lambda: len(herd.history.runs) == sum(map(len, kinds.values())))
        durable.pause()
        time.sleep(rng.uniform(1.2, 1.8) * TIMING.fence)
        durable.resume()
        wait_drained(client)
    herd.stop()

    jids = [jid for known in kinds.values() for jid in known]
    verdict = audit(World.read(client), herd.history, jids)
    extra = {
        kind: sum(len(verdict.history.runs[jid]) - 1 for jid in known)
        for kind, known in kinds.items()
    }
    sys.stdout.write(f"{rounds} hangs\n{verdict}\nextra runs: {extra}\n")
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    assert extra == {"alone": len(kinds["alone"]), "nap": 0}
    assert verdict.history.most == 2
    for jid in kinds["alone"]:
        first, second = verdict.history.runs[jid]
        assert first.stopped < second.began
    assert herd.registrations == 2


def wait_for_more_runs(herd: Herd, *, count: int = 50) -> float:
    """Return how long it took until *count* more jobs had begun."""
    before = len(herd.history.runs)
    return wait_until(lambda: len(herd.history.runs) >= before + count)


def test_a_server_that_comes_back_empty_interrupts_no_running_job(
    durable: DurableServer, client: Client, herd: Herd
) -> None:
    """What it has lost it has lost; but what runs may end, and new jobs are run."""
    workers = [herd.work(queues={"default": 5}) for _ in range(2)]
    naps = [make_job("nap", TIMING.burial) for _ in range(10)]
    old = store(durable.unix_url, naps)
    wait_until(lambda: len(herd.history.runs) == 10)

    durable.kill()
    shutil.rmtree(durable.folder / "appendonlydir")
    durable.start()
    new = store(durable.unix_url, [make_job("nap", 0.02) for _ in range(200)])
    wait_until(lambda: len(herd.history.runs) == 210)
    # If somebody is wrongly believed dead, it shows by now.
    time.sleep(2 * TIMING.burial)
    wait_drained(client)
    registered = client.hlen("kiq:processes")
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, old + new)
    sys.stdout.write(f"{verdict}\n")
    assert registered == 2
    assert verdict.history.extra == 0
    assert not any(worker.errors for worker in workers)
    verdict.assert_sound()
    assert verdict.where == {"done": 210}
    for worker in workers:
        assert "Redis has lost its data" in worker.log
