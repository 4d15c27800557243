"""What an enqueuer was told is stored is stored, once, however it ends."""

import random
import sys
import time

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.herd import Herd
from tests.faults.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]


def test_every_job_that_a_killed_enqueuer_was_acknowledged_exists_once(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    kills = 100 if is_long else 10
    for _ in range(kills):
        known = len(herd.acknowledged)

        def has_stored(known: int = known) -> bool:
            return len(herd.acknowledged) > known

        enqueuer = herd.enqueue(tasks=20, later=3600)
        wait_until(has_stored)
        time.sleep(rng.expovariate(1 / 0.1))
        enqueuer.kill()

    world = World.read(client)
    verdict = audit(world, herd.history, herd.acknowledged)
    unknown = len(world.places) - len(herd.acknowledged)
    sys.stdout.write(
        f"{kills} kills, {len(herd.acknowledged)} jobs\n{verdict}\n"
        f"{unknown} more are stored, of which nobody was told\n"
    )
    verdict.assert_sound()
    assert set(verdict.where) == {"queue", "schedule"}
    assert unknown <= 20 * kills
    assert not any(process.errors for process in herd.processes)
