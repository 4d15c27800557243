"""How long after a kill the first of the victim's jobs runs again."""

import random
import sys
import time
from collections import defaultdict
from pathlib import Path

import attrs
import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.figures import describe, percentile
from tests.faults.herd import Herd
from tests.faults.waiting import wait_until
from tests.faults.worker_process import PACE, make_job, timing

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

HELD = 3
"""So many jobs each victim runs when it is killed."""


@attrs.frozen
class Massacre:
    """Many are killed, one after the other, and one is left.

    Attributes:
        victims: how many are killed.
        pace: that of all periods; 1 is that of production.
        within: how soon the first job of each must run again, in seconds.
    """

    victims: int
    pace: float
    within: float


def test_the_first_job_of_each_of_many_dead_runs_again_in_time(
    durable: DurableServer, tmp_path: Path, rng: random.Random, *, is_long: bool
) -> None:
    # More of them, twelve times as fast, would only show that the machine is slow.
    fast = Massacre(20 if is_long else 6, PACE, 3)
    massacres = [fast] * 5 + [Massacre(100, 1, 35)] if is_long else [fast]
    delays: dict[Massacre, list[float]] = defaultdict(list)
    for number, massacre in enumerate(massacres):
        (tmp_path / str(number)).mkdir()
        with (
            durable.client(decode_responses=True) as client,
            Herd(durable.unix_url, tmp_path / str(number)) as herd,
        ):
            client.flushall()
            delays[massacre] += kill_many(massacre, durable, client, herd, rng)
            # One would be run for its whole hour.
            herd.alive[0].kill()
            jids = list(herd.history.runs)
            verdict = audit(World.read(client), herd.history, jids)
        assert not verdict.lost
        assert not verdict.doubled
        assert (verdict.history.extra, verdict.history.most) == (len(jids), 2)

    for massacre, took in delays.items():
        sys.stdout.write(f"at pace {massacre.pace:g}: {describe(took)}\n")
        assert percentile(took, 99) <= massacre.within


def kill_many(
    massacre: Massacre,
    server: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
) -> list[float]:
    """Return how long it took, for each victim, until one of its jobs ran again."""
    victims = [
        herd.work(queues={"default": HELD}, pace=massacre.pace)
        for _ in range(massacre.victims)
    ]
    total = massacre.victims * HELD
    store(server.unix_url, [make_job("nap", 3600) for _ in range(total)])
    wait_until(lambda: len(herd.history.runs) == total, timeout=60)
    herd.work(queues={"default": total}, pace=massacre.pace)
    wait_until(lambda: client.hlen("kiq:processes") == massacre.victims + 1)
    periods = timing(massacre.pace)
    # All have beaten, and been seen, and no two are at the same place between beats.
    time.sleep(periods.beat + periods.observe)

    killed_at = {}
    for victim in victims:
        time.sleep(rng.uniform(0, 2 * periods.burial / massacre.victims))
        killed_at[victim.pid] = time.monotonic()
        victim.kill()
    wait_until(lambda: herd.history.extra == total, timeout=2 * massacre.within)
    delays: dict[int, float] = {}
    for first, again in herd.history.runs.values():
        delay = again.began - killed_at[first.pid]
        delays[first.pid] = min(delay, delays.get(first.pid, delay))
    return list(delays.values())
