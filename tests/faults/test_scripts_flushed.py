"""A script cache that is flushed all the time is nobody's concern."""

import random
import re
import sys
import time

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.waiting import holders
from tests.faults.worker_process import make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

EVERY = 0.1


def test_a_flushed_script_cache_is_noticed_by_nobody(
    durable: DurableServer, client: Client, herd: Herd, rng: random.Random
) -> None:
    kinds = ["nap"] * 6 + ["thread", "flaky", "flaky", "doomed"]
    jobs = [make_job(rng.choice(kinds), rng.uniform(0, 0.1)) for _ in range(1500)]
    doomed = {job.jid for job in jobs if job.job_class == "doomed"}
    flushes = 0

    jids = store(durable.unix_url, jobs[:1000])
    for _ in range(2):
        herd.work(queues={"default": 10})
    jids += store(durable.unix_url, jobs[1000:], in_=1)
    enqueuer = herd.enqueue(pause=0.02, later=1)
    deadline = time.monotonic() + 30
    while holders(client):
        client.script_flush()
        flushes += 1
        if flushes == 30:
            enqueuer.terminate()
        assert time.monotonic() < deadline, holders(client)
        time.sleep(EVERY)
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, jids + herd.acknowledged)
    sys.stdout.write(f"{flushes} flushes, {len(herd.acknowledged) + 1500} jobs\n")
    sys.stdout.write(f"{verdict}\n")
    verdict.assert_sound()
    assert world.jids("dead") == doomed
    assert set(verdict.where) == {"done", "dead"}
    assert verdict.history.extra == 0
    for process in herd.processes:
        assert not re.findall(
            r"^.* (?:WARNING|ERROR|CRITICAL) .*$", process.log, re.MULTILINE
        )
        assert not process.errors
