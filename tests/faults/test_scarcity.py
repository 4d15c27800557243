"""Too few cores, too few files: slower, but nothing is lost and nobody is buried."""

import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import TIMING, make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]


def test_a_process_without_files_to_open_loses_no_job(
    durable: DurableServer, client: Client, herd: Herd
) -> None:
    naps = [make_job("nap", 0.01) for _ in range(300)]
    hoards = [make_job("hoard", 0.3) for _ in range(6)]
    jobs = [job for n, hoard in enumerate(hoards) for job in (*naps[n::6], hoard)]
    jids = store(durable.unix_url, jobs)
    worker = herd.work(queues={"default": 5}, files=40)
    wait_until(lambda: herd.history.runs)
    for _ in range(10):
        # They have to be opened anew, while there may be none to be had.
        client.client_kill_filter(_type="normal", skipme=True)
        time.sleep(0.2)
    wait_drained(client)
    herd.stop()

    verdict = audit(World.read(client), herd.history, jids)
    sys.stdout.write(f"{verdict}\n")
    verdict.assert_sound()
    assert verdict.where == {"done": 300, "dead": 6}
    assert verdict.history.extra == 0
    assert not worker.errors


def test_nobody_is_buried_because_others_use_the_machine(
    durable: DurableServer, client: Client, herd: Herd, *, is_long: bool
) -> None:
    workers = [herd.work(queues={"default": 10}) for _ in range(2)]
    enqueuer = herd.enqueue(pause=0.02, kinds=["nap", "thread"], seconds=0.05)
    wait_until(lambda: len(herd.history.runs) > 20)
    with ExitStack() as stack:
        for _ in range(6):
            spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(spinner.wait)
            stack.callback(spinner.kill)
        time.sleep((30 if is_long else 3) * TIMING.burial)
    enqueuer.terminate()
    wait_drained(client)
    herd.stop()

    verdict = audit(World.read(client), herd.history, herd.acknowledged)
    sys.stdout.write(f"{verdict}\n")
    verdict.assert_sound()
    assert verdict.where.keys() == {"done"}
    assert verdict.history.extra == 0
    assert herd.registrations == 2
    assert not any(worker.errors for worker in workers)
