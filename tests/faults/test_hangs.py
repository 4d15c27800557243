"""A server that stands still for longer than anybody waits, and then does it all."""

import random
import sys
import time

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import TIMING

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]


def test_what_nobody_waits_for_any_more_is_neither_lost_nor_done_twice(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    """What was sent before a hang is done after it; its sender has asked again."""
    hangs = 500 if is_long else 8
    for _ in range(2):
        herd.work(queues={"default": 10})
    enqueuers = [herd.enqueue(pause=0.005, later=0.1) for _ in range(3)]
    wait_until(lambda: len(herd.history.runs) > 20)

    for _ in range(hangs):
        time.sleep(rng.uniform(0.02, 0.15))
        durable.pause()
        time.sleep(rng.uniform(1.05, 1.5) * TIMING.command)
        durable.resume()
    for enqueuer in enqueuers:
        enqueuer.terminate()
        assert enqueuer.wait() == 0
    wait_drained(client, timeout=60)
    herd.stop()

    verdict = audit(World.read(client), herd.history, herd.acknowledged)
    losses = [enqueuer.log.count("is lost") for enqueuer in enqueuers]
    sys.stdout.write(
        f"{hangs} hangs, {losses} times an enqueuer gave its line up\n{verdict}\n"
    )
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    # A job that was enqueued twice would have run twice.
    assert verdict.history.extra == 0
    assert herd.registrations == 2
    assert sum(losses) >= hangs
    assert not any(process.errors for process in herd.processes)
