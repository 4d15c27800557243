"""A job that kills its process is given up after the third time, and no other is."""

import signal
import sys
from collections import Counter

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

QUEUES = {"default": 10, "events": 4}
ENDS = {"segfault": -signal.SIGSEGV, "suicide": -signal.SIGKILL, "walk_out": 3}


def held_by(client: Client, pid: int) -> set[str]:
    """Return the jids of what a process holds, dead or alive."""
    world = World()
    for key in client.scan_iter(f"kiq:backup|*:{pid}:*", count=1000):
        world.read_key(client, str(key))
    return set(world.places)


@pytest.mark.parametrize("way", ENDS)
def test_a_job_that_kills_its_process_is_given_up_after_the_third(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    way: str,
    *,
    is_long: bool,
) -> None:
    """It kills at once, beside others that came with it and come back with it."""
    if way != "segfault" and not is_long:
        pytest.skip("of three ways to die, the short form shows one")
    fatal = make_job(way, 0)
    before = [make_job("nap", 0.4) for _ in range(2)]
    after = [make_job("nap", 0.4) for _ in range(7)]
    later = [make_job("nap", 0.01) for _ in range(90)]
    herd.work(queues={"other": 1})
    jids = store(durable.unix_url, [*before, fatal, *after, *later])
    in_flight: Counter[str] = Counter()
    for _ in range(3):
        # It dies by itself; the other one, which never runs it, buries it.
        victim = herd.work(queues=QUEUES)
        assert victim.wait() == ENDS[way]
        in_flight.update(held_by(client, victim.pid))
        wait_until(lambda: not client.exists("kiq:graves"))
        wait_until(lambda: client.hlen("kiq:processes") == 1)
    herd.work(queues=QUEUES)
    wait_until(lambda: client.hlen("kiq:processes") == 2)
    wait_drained(client)
    # Whoever is listed slows the stagers of all others down: the dead are not.
    wait_until(lambda: client.scard("processes") == 2)
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, jids)
    sys.stdout.write(f"{verdict}\nheld when it struck: {sorted(in_flight.values())}\n")
    verdict.assert_sound()
    assert verdict.where == {"done": 99, "dead": 1}
    [place] = world.places[fatal.jid]
    assert place.payload["error_class"] == "kiq_trio.PoisonPill"
    assert len(place.payload["kiq_recovered"]) == 3
    assert len(verdict.history.runs[fatal.jid]) == 3
    # Some came back as often as it did, and ran on.
    assert max(in_flight[job.jid] for job in after) == 3
    for jid in jids:
        assert len(verdict.history.runs[jid]) <= 1 + in_flight[jid]
