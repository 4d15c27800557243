"""A server without memory takes no jobs, and is emptied by those who have some."""

import sys
import time

import pytest
import redis

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.waiting import holders, wait_drained, wait_until
from tests.faults.worker_process import make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

KINDS = ["nap", "nap", "nap", "thread", "flaky", "doomed"]


def test_all_that_a_full_server_has_is_done_though_nothing_comes_in(
    durable: DurableServer, client: Client, herd: Herd, *, is_long: bool
) -> None:
    """Those who do it come when it is full, and one of them dies."""
    count = 50_000 if is_long else 2000
    naps = [make_job("nap", 1) for _ in range(30)]
    some = [make_job(KINDS[n % len(KINDS)], 0.01) for n in range(count)]
    later = [make_job("nap", 0.01) for _ in range(100)]
    jids = store(durable.unix_url, [*naps, *some])
    jids += store(durable.unix_url, later, in_=1)

    client.config_set("maxmemory", client.info("memory")["used_memory"] // 2)
    with pytest.raises(redis.OutOfMemoryError):
        client.set("more", "x")
    victim = herd.work(queues={"default": 10})
    for _ in range(2):
        herd.work(queues={"default": 10})
    wait_until(lambda: len(herd.history.runs) >= 30)
    victim.kill()
    # In vain: until there is memory again, he waits.
    waiting = herd.enqueue(kinds=["nap"], seconds=0.01)
    fill = client.info("memory")["used_memory"]
    client.config_set("maxmemory", 1)
    drained_at = time.monotonic()
    wait_drained(client, timeout=300)
    took = time.monotonic() - drained_at
    assert not holders(client)
    assert not herd.acknowledged

    client.config_set("maxmemory", 0)
    wait_until(lambda: len(herd.acknowledged) > 20)
    waiting.terminate()
    assert waiting.wait() == 0
    wait_drained(client)
    herd.stop()

    jids += herd.acknowledged
    verdict = audit(World.read(client), herd.history, jids)
    sys.stdout.write(
        f"{fill / 1e6:.1f} MB of jobs were worked off in {took:.1f} s\n{verdict}\n"
    )
    verdict.assert_sound()
    assert set(verdict.where) == {"done", "dead"}
    assert verdict.where["dead"] == count // len(KINDS)
    assert verdict.history.extra <= 10
    assert not any(process.errors for process in herd.processes)
