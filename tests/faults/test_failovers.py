"""Another server becomes the primary: what is lost is known, and nothing is torn."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from kiq_trio import Kiq
from tests.faults.audit import Verdict, World, audit
from tests.faults.herd import Herd
from tests.faults.sentinels import DOWN_AFTER, Cluster, is_in_step
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import TIMING, make_job
from tests.servers import RealServer
from tests.wire.clients import until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

only_long = pytest.mark.skipif(
    os.environ.get("KIQ_TRIO_FAULTS") != "long",
    reason="Sentinels take their time: KIQ_TRIO_FAULTS=long",
)
LAG = 1
GUARD = {"min_replicas_to_write": 1, "min_replicas_max_lag": LAG}
"""A primary refuses all writes if no replica was heard for more than a second."""
LOOKS = 2
"""Seconds until that is noticed: both sides look each second."""


@contextmanager
def at_work(cluster: Cluster, folder: Path, *, size: int = 10) -> Iterator[Herd]:
    """Have two workers run jobs, *size* at once, and somebody enqueue them."""
    with Herd(cluster.url, folder) as herd:
        for _ in range(2):
            herd.work(queues={"default": size})
        herd.enqueue(pause=0.01, seconds=0.02)
        wait_until(lambda: len(herd.history.runs) > 50)
        yield herd


def wait_for_more(herd: Herd) -> None:
    """Wait until twenty jobs more are stored, and twenty more are run."""
    stored, run = len(herd.acknowledged), len(herd.history.runs)
    wait_until(lambda: len(herd.acknowledged) > stored + 20)
    wait_until(lambda: len(herd.history.runs) > run + 20)


def finish(herd: Herd, primary: RealServer) -> Verdict:
    """Let no more jobs come and all be run; judge what became of them."""
    herd.processes[2].terminate()
    with primary.client(decode_responses=True) as client:
        wait_drained(client, timeout=40)
        herd.stop()
        verdict = audit(World.read(client), herd.history, herd.acknowledged)
    sys.stdout.write(f"{verdict}\n")
    assert not any(process.errors for process in herd.processes)
    return verdict


def test_a_failover_to_a_replica_that_has_everything_loses_nothing(
    tmp_path: Path, *, is_long: bool
) -> None:
    with Cluster(replicas=2, **GUARD) as cluster, at_work(cluster, tmp_path) as herd:
        cluster.primary.kill()
        died_at = time.monotonic()
        primary = cluster.wait_failed_over()
        named = time.monotonic() - died_at
        wait_for_more(herd)
        back = time.monotonic() - died_at
        verdict = finish(herd, primary)

    sys.stdout.write(
        f"down after {DOWN_AFTER:g} s, another was named after {named:.1f} s, and "
        f"after {back:.1f} s jobs were stored and run\n"
    )
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    if is_long:
        assert back <= DOWN_AFTER + 3


@pytest.mark.parametrize(
    "has_guard",
    [
        pytest.param(True, marks=only_long, id="with min-replicas-to-write"),
        pytest.param(False, id="without"),
    ],
)
def test_a_failover_to_a_replica_that_lags_loses_what_it_had_not_received(
    tmp_path: Path, *, has_guard: bool
) -> None:
    """What was done runs again, if the news had not come; nothing is in two places."""
    options = GUARD if has_guard else {}
    with (
        Cluster(replicas=1 + has_guard, **options) as cluster,
        at_work(cluster, tmp_path, size=1) as herd,
    ):
        before = len(herd.acknowledged)
        cluster.stop_replicas()
        took = wait_refused(herd) if has_guard else 0.0
        time.sleep(1 - has_guard)
        cluster.primary.kill()
        cluster.resume_replicas()
        # All that it has acknowledged is written down before another can be asked.
        time.sleep(DOWN_AFTER / 2)
        after = len(herd.acknowledged)
        herd.work(queues={"default": 20})
        primary = cluster.wait_failed_over()
        wait_for_more(herd)
        verdict = finish(herd, primary)
        order = herd.acknowledged

    sys.stdout.write(
        f"of {after - before} jobs that were acknowledged meanwhile "
        f"{len(verdict.lost)} are lost; refused after {took:.1f} s\n"
    )
    assert set(verdict.lost) <= set(order[before:after])
    assert not verdict.doubled
    assert not verdict.abandoned
    assert not verdict.unknown_keys
    assert verdict.lost, "the replica did not lag"
    assert took <= LAG + LOOKS + 1
    assert len(order) > after + 20


def wait_refused(herd: Herd) -> float:
    """Wait until nothing is acknowledged any more; return when that began."""
    began = last_at = time.monotonic()
    known = len(herd.acknowledged)
    while time.monotonic() < last_at + 1:
        if (count := len(herd.acknowledged)) > known:
            known, last_at = count, time.monotonic()
        time.sleep(0.01)
    return last_at - began


@only_long
def test_an_old_primary_that_is_started_again_costs_no_job(tmp_path: Path) -> None:
    with Cluster(replicas=1) as cluster, at_work(cluster, tmp_path) as herd:
        cluster.primary.kill()
        primary = cluster.wait_failed_over()
        acknowledged = len(herd.acknowledged)
        cluster.primary.start()
        for _ in range(3):
            wait_for_more(herd)
        wait_until(lambda: is_in_step(cluster.primary), timeout=60)
        wait_for_more(herd)
        verdict = finish(herd, primary)

        later = set(herd.acknowledged[acknowledged:])
    assert not later & set(verdict.lost)
    verdict.assert_sound()


async def test_a_line_to_an_old_primary_that_was_only_away_is_left(
    tmp_path: Path,
) -> None:
    """It stood still for less than a timeout: nobody's line to it was broken."""
    stored: list[tuple[float, str]] = []

    async def enqueue(kiq: Kiq) -> None:
        while True:
            job = await kiq.enqueue(make_job("nap", 0))
            stored.append((trio.current_time(), job.jid))
            await trio.sleep(0.02)

    with Cluster(replicas=1) as cluster:
        async with (
            Kiq(redis_url=cluster.url, server=False) as kiq,
            trio.open_nursery() as nursery,
        ):
            await kiq.enqueue(make_job("nap", 0, queue="other"))
            cluster.primary.pause()
            primary = await trio.to_thread.run_sync(cluster.wait_failed_over)
            cluster.primary.resume()
            woke_at = trio.current_time()
            nursery.start_soon(enqueue, kiq)
            with primary.client(decode_responses=True) as client:
                await until(lambda: client.llen("queue:default") > 20, within=15)
                left = trio.current_time() - woke_at
                nursery.cancel_scope.cancel()
            with cluster.primary.client(decode_responses=True) as old:
                role = old.info("replication")["role"]
                wasted = set(World.read(old).places)
        with primary.client(decode_responses=True) as client:
            kept = set(World.read(client).places)

    lost = [at - woke_at for at, jid in stored if jid not in kept]
    sys.stdout.write(
        f"{len(lost)} jobs went to the old primary, for {max(lost, default=0):.1f} s; "
        f"after {left:.1f} s 20 were at the new one\n"
    )
    assert role == "master", "the Sentinels were faster than we"
    assert all(jid in kept or jid in wasted for _, jid in stored)
    assert max(lost, default=0) <= 5


@only_long
def test_lines_outlive_the_sentinels_and_are_found_again_when_those_are_back(
    tmp_path: Path,
) -> None:
    with (
        Cluster(replicas=1, sentinels=3) as cluster,
        at_work(cluster, tmp_path) as herd,
        cluster.primary.client() as client,
    ):
        first, *others = cluster.sentinels
        first.kill()
        client.client_kill_filter(_type="normal", skipme=True)
        wait_for_more(herd)
        # Whoever beats finds out only when it does.
        time.sleep(2 * TIMING.beat)
        for sentinel in others:
            sentinel.kill()
        wait_for_more(herd)
        time.sleep(10)
        wait_for_more(herd)

        client.client_kill_filter(_type="normal", skipme=True)
        time.sleep(0.2)
        acknowledged = len(herd.acknowledged)
        time.sleep(1)
        assert len(herd.acknowledged) == acknowledged, "whom did it ask?"
        for sentinel in cluster.sentinels:
            sentinel.start()
        back_at = time.monotonic()
        wait_for_more(herd)
        back = time.monotonic() - back_at
        verdict = finish(herd, cluster.primary)

    sys.stdout.write(
        f"jobs were stored and run {back:.1f} s after Sentinels were back\n"
    )
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    assert back <= 5


@only_long
def test_sentinels_that_stood_still_and_decide_nothing_are_asked_all_the_same(
    tmp_path: Path,
) -> None:
    """For half a minute after a pause they change nothing (TILT), but they answer."""
    with Cluster(replicas=1) as cluster, at_work(cluster, tmp_path) as herd:
        [sentinel] = cluster.sentinels
        sentinel.pause()
        time.sleep(2.5)
        wait_for_more(herd)
        sentinel.resume()
        with sentinel.client() as client:
            wait_until(lambda: client.info("sentinel")["sentinel_tilt"] == 1)
        with cluster.primary.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        wait_for_more(herd)
        verdict = finish(herd, cluster.primary)

    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
