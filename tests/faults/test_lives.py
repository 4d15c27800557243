"""Processes that end while they begin, or end twice, or all at once."""

import random
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import TIMING, make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

GRACE = 0.6


def test_when_all_have_died_the_next_one_finds_what_they_held_in_front(
    durable: DurableServer, client: Client, herd: Herd
) -> None:
    jids = store(durable.unix_url, [make_job("nap", 60) for _ in range(40)])
    workers = [herd.work(queues={"default": 10}) for _ in range(3)]
    wait_until(lambda: len(herd.history.runs) == 30)
    for worker in workers:
        worker.kill()
    time.sleep(2 * TIMING.burial)
    began = time.monotonic()
    herd.work(queues={"other": 1})
    wait_until(lambda: client.llen("queue:default") == 40)
    took = time.monotonic() - began
    front = set(herd.history.runs)
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, jids)
    verdict.assert_sound()
    assert verdict.where == {"queue": 40}
    waiting = client.lrange("queue:default", 0, -1)[::-1]
    assert all(any(jid in payload for jid in front) for payload in waiting[:30])
    assert took <= 3 * TIMING.burial


def test_a_process_that_is_killed_while_it_stops_costs_no_job(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    times, in_flight, jids = (30 if is_long else 4), 0, list[str]()
    for _ in range(times):
        jids += store(durable.unix_url, [make_job("nap", 1) for _ in range(10)])
        begun = len(herd.history.runs)
        worker = herd.work(queues={"default": 10}, shutdown_timeout=GRACE)
        wait_until(partial(has_begun_more, herd, begun))
        worker.terminate()
        time.sleep(rng.uniform(0.8, 1.05) * GRACE)
        worker.kill() if worker_is_there(worker.pid) else worker.wait()
        in_flight += 10
    herd.work(queues={"default": 20})
    wait_drained(client, timeout=60)
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, jids)
    sys.stdout.write(f"{verdict}\n")
    verdict.assert_sound()
    assert set(verdict.where) <= {"done", "dead"}
    assert verdict.history.extra <= in_flight


def has_begun_more(herd: Herd, runs: int) -> bool:
    return len(herd.history.runs) > runs


def worker_is_there(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split()[2] != "Z"


def test_many_signals_at_once_end_a_process_once(
    durable: DurableServer, client: Client, herd: Herd, rng: random.Random
) -> None:
    jids = store(durable.unix_url, [make_job("nap", 60) for _ in range(10)])
    worker = herd.work(queues={"default": 10}, shutdown_timeout=GRACE)
    wait_until(lambda: len(herd.history.runs) == 10)
    for _ in range(5):
        worker.terminate()
        time.sleep(rng.uniform(0, GRACE / 10))

    assert worker.wait() == 0
    verdict = audit(World.read(client), herd.history, jids)
    verdict.assert_sound()
    assert verdict.where == {"queue": 10}
    assert client.llen("queue:default") == 10
    assert not worker.errors


def test_a_process_that_is_stopped_while_it_starts_leaves_no_ghost(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    ends = set()
    for _ in range(50 if is_long else 12):
        starting = herd.work(queues={"default": 10})
        time.sleep(rng.uniform(0, 0.15))
        starting.terminate()
        ends.add(starting.wait())
    jids = store(durable.unix_url, [make_job("nap", 0.01) for _ in range(20)])
    herd.work(queues={"default": 10})
    wait_drained(client)
    wait_until(lambda: client.hlen("kiq:processes") == 1)
    wait_until(lambda: not client.exists("kiq:graves"))
    herd.stop()

    verdict = audit(World.read(client), herd.history, jids)
    verdict.assert_sound()
    assert verdict.where == {"done": 20}
    # Before it listens to the signal, it ends as any program does.
    assert ends <= {0, -signal.SIGTERM}


def test_a_flush_of_everything_interrupts_no_running_job(
    durable: DurableServer, client: Client, herd: Herd
) -> None:
    workers = [herd.work(queues={"default": 5}) for _ in range(2)]
    naps = [make_job("nap", TIMING.burial) for _ in range(10)]
    jids = store(durable.unix_url, naps)
    wait_until(lambda: len(herd.history.runs) == 10)
    client.flushall()
    jids += store(durable.unix_url, [make_job("nap", 0.02) for _ in range(50)])
    wait_until(lambda: len(herd.history.ended) == 60)
    wait_drained(client)
    time.sleep(TIMING.burial)
    herd.stop()

    verdict = audit(World.read(client), herd.history, jids)
    verdict.assert_sound()
    assert verdict.where == {"done": 60}
    assert verdict.history.extra == 0
    assert not any(worker.errors for worker in workers)


def test_a_key_of_ours_that_vanishes_stops_nothing_for_good(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    workers = [herd.work(queues={"default": 10}) for _ in range(2)]
    enqueuer = herd.enqueue(pause=0.01, seconds=0.05)
    wait_until(lambda: len(herd.history.runs) > 20)
    deleted = []
    for _ in range(60 if is_long else 10):
        key = str(rng.choice(sorted(map(str, client.keys("kiq:*")))))
        client.delete(key)
        deleted.append(key.partition("|")[0])
        time.sleep(rng.uniform(0, 0.4))
    before = len(herd.history.ended)
    took = wait_until(lambda: len(herd.history.ended) > before + 50)
    enqueuer.terminate()
    wait_drained(client, timeout=40)
    herd.stop()

    verdict = audit(World.read(client), herd.history, herd.acknowledged)
    sys.stdout.write(f"{deleted}\n{verdict}\nwork went on after {took:.1f} s\n")
    assert not verdict.lost
    assert not verdict.abandoned
    assert set(verdict.where) <= {"done", "dead"}
    assert took <= 3 * TIMING.burial
    assert not any(worker.errors for worker in workers)


def test_a_log_that_cannot_be_written_stops_no_job(
    durable: DurableServer, client: Client, herd: Herd
) -> None:
    jobs = [make_job(kind, 0.01) for kind in ["nap", "flaky", "doomed"] * 20]
    jids = store(durable.unix_url, jobs)
    herd.work(queues={"default": 10}, log="/dev/full")
    wait_drained(client)
    herd.stop()

    verdict = audit(World.read(client), herd.history, jids)
    verdict.assert_sound()
    assert verdict.where == {"done": 40, "dead": 20}
    assert verdict.history.extra == 0
