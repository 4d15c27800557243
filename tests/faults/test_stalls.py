"""A process that stands still is buried if it must be, and only then."""

import sys
import time

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import PACE, TIMING, make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]


def test_a_job_that_blocks_the_loop_is_named_and_not_run_a_second_time(
    durable: DurableServer, client: Client, herd: Herd, *, is_long: bool
) -> None:
    # For a minute at the pace of production, if there is time for that.
    pace, length = (1.0, 60.0) if is_long else (PACE, 2 * TIMING.burial)
    blocker = make_job("block", length)
    naps = [make_job("nap", 0.5) for _ in range(5)]
    blocked = herd.work(queues={"default": 10}, pace=pace)
    wait_until(lambda: client.hlen("kiq:processes") == 1)
    store(durable.unix_url, [*naps, blocker])
    wait_until(lambda: len(herd.history.runs) == 6)
    # It would take over, if it were allowed to.
    other = herd.work(queues={"default": 10}, pace=pace)
    wait_drained(client, timeout=2 * length)
    after = store(durable.unix_url, [make_job("nap", 0.1) for _ in range(40)])
    wait_drained(client)
    herd.stop()
    world = World.read(client)

    jids = [blocker.jid, *(job.jid for job in naps), *after]
    verdict = audit(world, herd.history, jids)
    verdict.assert_sound()
    assert verdict.where == {"done": len(jids)}
    assert verdict.history.extra == 0
    assert f"job {blocker.jid} (block) has blocked the event loop" in blocked.log
    assert "the event loop runs again" in blocked.log
    assert herd.registrations == 2
    assert "dead" not in blocked.log + other.log
    assert {run[0].pid for run in verdict.history.runs.values()} == {
        blocked.pid,
        other.pid,
    }


def test_a_stopped_worker_that_wakes_finds_itself_buried_and_starts_anew(
    durable: DurableServer, client: Client, herd: Herd
) -> None:
    # So long that the other still runs them when the stopped one wakes, finds that
    # its own runs are over, and tries to settle them. One would go on for longer.
    length = 1.5 * TIMING.burial
    longest = make_job("nap", 4 * TIMING.burial)
    stopped = herd.work(queues={"default": 10})
    naps = [longest, *(make_job("nap", length) for _ in range(9))]
    jids = store(durable.unix_url, naps)
    wait_until(lambda: len(herd.history.runs) == 10)
    other = herd.work(queues={"default": 15})
    wait_until(lambda: client.hlen("kiq:processes") == 2)

    stopped.pause()
    wait_until(lambda: herd.history.extra == 10)
    time.sleep(length / 2)
    stopped.resume()
    wait_until(lambda: "ended too late" in stopped.log)
    wait_until(lambda: stopped.log.count("registered as") == 2)
    held = World.read(client)
    assert {place.key.split(":")[-2] for jid in jids for place in held.places[jid]} == {
        str(other.pid)
    }

    jids += store(durable.unix_url, [make_job("nap", 0.1) for _ in range(60)])
    wait_drained(client)
    registered = client.hlen("kiq:processes")
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, jids)
    sys.stdout.write(f"{verdict}\n")
    verdict.assert_sound()
    assert verdict.where == {"done": 70}
    assert (verdict.history.most, verdict.history.extra) == (2, 10)
    assert "was taken for dead" in stopped.log
    assert "ended too late" not in other.log
    assert registered == 2
    assert verdict.history.ended[longest.jid] == 1, "nobody cancelled the first run"
    last = [verdict.history.runs[jid][0].pid for jid in jids[10:]]
    assert set(last) == {stopped.pid, other.pid}


def test_a_worker_stopped_for_less_than_a_burial_keeps_its_jobs(
    durable: DurableServer, client: Client, herd: Herd
) -> None:
    stopped = herd.work(queues={"default": 10})
    jids = store(durable.unix_url, [make_job("nap", 0.5) for _ in range(10)])
    wait_until(lambda: len(herd.history.runs) == 10)
    herd.work(queues={"default": 10})
    wait_until(lambda: client.hlen("kiq:processes") == 2)

    stopped.pause()
    time.sleep(TIMING.burial / 2)
    stopped.resume()
    wait_drained(client)
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, jids)
    verdict.assert_sound()
    assert verdict.where == {"done": 10}
    assert verdict.history.extra == 0
