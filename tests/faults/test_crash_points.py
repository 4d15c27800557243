"""A process dies just before Redis acts for it, or just after, at every call."""

import sys
from typing import Literal

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.fates import Gate, befalls
from tests.faults.herd import Herd
from tests.faults.proxy import proxied
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

CALLS = ["register", "fetch", "HDEL", "settle", "move", "bury", "drain"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", CALLS)
def test_a_process_that_dies_around_a_call_costs_no_job(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    name: str,
    moment: Literal["before", "after"],
) -> None:
    naps = [make_job("nap", 0.01) for _ in range(20)]
    doomed = [make_job("doomed", 0) for _ in range(5)]
    with proxied(durable.path) as proxy:
        jids = []
        if name in {"bury", "drain"}:
            jids += store(durable.unix_url, [make_job("nap", 1) for _ in range(3)])
            leave_a_corpse(client, herd)
        jids += store(durable.unix_url, naps[:10])
        jids += store(durable.unix_url, [*naps[10:], *doomed], in_=0.1)
        gate = Gate()
        rule = befalls(gate, name)
        if moment == "before":
            proxy.on_request = rule
        else:
            proxy.on_reply = rule
        # What is held at the gate never goes on: the process dies there.
        victim = herd.work(queues={"default": 10}, redis_url=proxy.url)
        wait_until(lambda: gate.held)
        victim.kill()
        held = len(World.read(client).jids("held"))
        herd.work(queues={"default": 10})
        wait_drained(client)
        wait_until(lambda: client.hlen("kiq:processes") == 1)
        herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, jids)
    sys.stdout.write(f"{verdict}; {held} were held\n")
    verdict.assert_sound()
    assert verdict.where["dead"] == 5
    assert verdict.where.total() == len(jids)
    corpses = 3 if name in {"bury", "drain"} else 0
    assert verdict.history.extra <= held + corpses
    # The corpse died with them, and then the victim may have.
    assert verdict.history.most <= (3 if corpses else 2)
    if (name, moment) == ("HDEL", "before"):
        assert verdict.history.extra, "they had run, and nobody knew"


def leave_a_corpse(client: Client, herd: Herd) -> None:
    """Let a process die that holds jobs."""
    corpse = herd.work(queues={"default": 10})
    wait_until(lambda: len(herd.history.runs) == 3)
    corpse.kill()
