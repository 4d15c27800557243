"""A graceful stop, under load, leaves nothing behind but jobs in their queues."""

import random
import re
import sys
import time

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import PACE, make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

GRACE = 1.0
AFTERMATH = 1.0
"""How long after the deadline a process may need to write down what it holds."""

LEFT = re.compile(
    r"queue:default|queues|schedule|retry|dead|kiq:registrations|kiq:term|kiq:flush\|.+"
    r"|stat:(processed|failed)(:.+)?"
    # What Sidekiq's pages show for hours or days, and then expires.
    r"|process_cleanup|[hj]\|.+"
)


def test_jobs_longer_than_the_deadline_go_back_to_the_front_of_their_queue(
    durable: DurableServer, client: Client, herd: Herd
) -> None:
    long = [make_job("nap", 60) for _ in range(10)]
    short = [make_job("nap", 0.02) for _ in range(1000)]
    jids = store(durable.unix_url, [*long, *short])
    stored = client.lrange("queue:default", 0, -1)[::-1]
    enqueuer = herd.enqueue(pause=0.01, seconds=0.02)
    worker = herd.work(queues={"default": 15}, shutdown_timeout=GRACE)
    wait_until(lambda: len(herd.history.runs) > 100)

    worker.terminate()
    asked_at = time.monotonic()
    assert worker.wait() == 0
    took = time.monotonic() - asked_at
    herd.stop()
    world = World.read(client)
    front = client.lrange("queue:default", -10, -1)[::-1]
    lives = {key: client.ttl(key) for key in world.keys if "kiq:flush" in key}

    verdict = audit(world, herd.history, jids + herd.acknowledged)
    sys.stdout.write(f"{verdict}\nstopped within {took:.2f} s of {GRACE:g} s\n")
    verdict.assert_sound()
    assert front == stored[:10], "back in front, oldest first, unchanged"
    assert set(verdict.where) == {"done", "queue"}
    assert verdict.history.extra == 0
    assert took <= GRACE + AFTERMATH
    assert not worker.errors + enqueuer.errors
    assert not {key for key in world.keys if not LEFT.fullmatch(key)}
    assert all(life > 0 for life in lives.values())


@pytest.mark.parametrize("is_idle", [False, True], ids=["busy", "idle"])
@pytest.mark.parametrize("pace", [PACE, 1.0], ids=["fast", "as in production"])
def test_a_stop_while_the_server_hangs_is_in_time_and_loses_nothing(
    durable: DurableServer, client: Client, herd: Herd, pace: float, *, is_idle: bool
) -> None:
    """At the pace of production no line is given up before the process ends."""
    count = 20 if is_idle else 200
    jids = store(durable.unix_url, [make_job("nap", 0.2) for _ in range(count)])
    worker = herd.work(queues={"default": 10}, shutdown_timeout=GRACE, pace=pace)
    wait_until(lambda: len(herd.history.ended) >= 20)
    if is_idle:
        wait_drained(client)

    durable.pause()
    worker.terminate()
    asked_at = time.monotonic()
    assert worker.wait() == 0
    took = time.monotonic() - asked_at
    durable.resume()
    jids += store(durable.unix_url, [make_job("nap", 0.01)])
    herd.work(queues={"default": 20})
    wait_drained(client)
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, jids)
    sys.stdout.write(f"{verdict}\nstopped within {took:.2f} s of {GRACE:g} s\n")
    verdict.assert_sound()
    assert verdict.where == {"done": count + 1}
    assert verdict.history.extra <= 10
    assert took <= GRACE + AFTERMATH + 0.5


def test_deploys_under_load_cost_no_job_and_repeat_none(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    deploys = 50 if is_long else 8
    queues = {"default": 10, "events": 5}
    enqueuer = herd.enqueue(pause=0.01, kinds=["nap", "thread"], seconds=0.05)
    old = herd.work(queues=queues, shutdown_timeout=5)
    wait_until(lambda: len(herd.history.runs) > 10)
    took = []

    for _ in range(deploys):
        new = herd.work(queues=queues, shutdown_timeout=5)
        time.sleep(rng.uniform(0, 0.5))
        old.terminate()
        asked_at = time.monotonic()
        assert old.wait() == 0, old.errors
        took.append(time.monotonic() - asked_at)
        old = new
    enqueuer.terminate()
    wait_drained(client)
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, herd.acknowledged)
    sys.stdout.write(
        f"{deploys} deploys, stops of at most {max(took):.2f} s\n{verdict}\n"
    )
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    assert verdict.history.extra == 0
    assert herd.registrations == deploys + 1
    assert max(took) <= 2
    assert not {key for key in world.keys if not LEFT.fullmatch(key)}
    for process in herd.processes:
        # A machine that is busy with other things blocks a loop for a moment.
        complaints = re.findall(
            r"^(?!.*kiq_trio\.watchdog).* (?:WARNING|ERROR|CRITICAL) .*$",
            process.log,
            re.MULTILINE,
        )
        assert not complaints
        assert not process.errors
