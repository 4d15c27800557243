"""A machine that loses its power forgets only what nobody was told is stored."""

import random
import sys
import time
from pathlib import Path

import pytest

from tests.faults.audit import World, audit
from tests.faults.forgetful import ForgetfulServer
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]


def test_a_power_cut_loses_nothing_if_all_is_synced_at_once(
    tmp_path: Path, rng: random.Random, *, is_long: bool
) -> None:
    cuts, forgotten = (50 if is_long else 5), 0
    with (
        ForgetfulServer(tmp_path) as server,
        server.client(decode_responses=True) as client,
        Herd(server.unix_url, tmp_path) as herd,
    ):
        enqueuer = herd.enqueue(tasks=20, later=0.2)
        worker = herd.work(queues={"default": 10})
        wait_until(lambda: herd.history.ended)
        for _ in range(cuts):
            time.sleep(rng.uniform(0.3, 1))
            forgotten += server.lose_power()
            server.start()
        enqueuer.terminate()
        wait_drained(client, timeout=60)
        herd.stop()
        verdict = audit(World.read(client), herd.history, herd.acknowledged)

    sys.stdout.write(f"{cuts} cuts, {forgotten} bytes forgotten\n{verdict}\n")
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    assert verdict.history.extra == 0
    assert not worker.errors


def test_what_is_synced_each_second_loses_no_more_than_two(tmp_path: Path) -> None:
    """And shows that the server of the other test can forget."""
    with (
        ForgetfulServer(tmp_path, appendfsync="everysec") as server,
        server.client(decode_responses=True) as client,
        Herd(server.unix_url, tmp_path) as herd,
    ):
        enqueuer = herd.enqueue(tasks=20)
        wait_until(lambda: herd.acknowledged)
        time.sleep(2)
        old = set(herd.acknowledged)
        time.sleep(2)
        forgotten = server.lose_power()
        enqueuer.kill()
        server.start()
        there = World.read(client).places.keys()
        acknowledged = set(herd.acknowledged)

    lost = len(acknowledged - there)
    sys.stdout.write(f"{lost} of {len(acknowledged)} lost, {forgotten} bytes\n")
    assert old <= there
    assert lost
    assert forgotten
