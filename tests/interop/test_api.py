"""Ruby programs look at us and our jobs by Sidekiq's API, and change them."""

import time
from typing import Any

import pytest

from tests.faults.waiting import wait_until
from tests.interop.cluster import Cluster
from tests.interop.console import Console
from tests.interop.scene import HOUR, Scene

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]


def members(cluster: Cluster, key: str) -> list[tuple[str, float]]:
    found: Any = cluster.client.zrange(key, 0, -1, withscores=True)
    return [(member, score) for member, score in found]


def test_the_api_finds_what_there_is(scene: Scene, console: Console) -> None:
    stats = console(
        "s = Sidekiq::Stats.new; [s.processed, s.failed, s.enqueued, s.retry_size, "
        "s.scheduled_size, s.dead_size, s.processes_size, s.workers_size]"
    )
    assert stats == [2, 2, 1, 1, 1, 1, 1, 1]
    for where, job in (
        ("Queue.new('default')", scene.waiting),
        ("RetrySet.new", scene.failed),
        ("ScheduledSet.new", scene.scheduled),
        ("DeadSet.new", scene.dead),
    ):
        code = f"j = Sidekiq::{where}.find_job(jid); [j.jid, j.klass, j.args, j.queue]"
        assert console(code, jid=job.jid) == [
            job.jid,
            job.job_class,
            job.args,
            job.queue,
        ]
    found = console("Sidekiq::ScheduledSet.new.scan('*later*').map(&:jid)")
    assert found == [scene.scheduled.jid]
    trace = console("Sidekiq::RetrySet.new.first.error_backtrace")
    assert [line.rpartition(":")[2] for line in trace][:1] == ["in handover"]


def test_the_api_knows_our_process(scene: Scene, console: Console) -> None:
    shown = console(
        "Sidekiq::ProcessSet.new.map { |p| [p.identity, p.labels, p.queues, "
        "p.stopping?, p['concurrency'], p['busy'], p['pid']] }"
    )

    labels = ["kiq_trio", "reliable"]
    told = [scene.identity, labels, ["python"], False, 10, 1, scene.kiq.pid]
    assert shown == [told]
    started = console("Sidekiq::ProcessSet.new.first['started_at']")
    assert time.time() - HOUR < started < time.time()
    assert console("Sidekiq::ProcessSet.new.total_concurrency") == 10


def test_the_api_knows_what_we_run(scene: Scene, console: Console) -> None:
    [[process, work, jid]] = console(
        "Sidekiq::Workers.new.map { |p, _, w| [p, w, w['payload']['jid']] }"
    )

    assert process == scene.identity
    assert jid == scene.running.jid
    assert work["queue"] == "python"
    assert time.time() - HOUR < work["run_at"] <= time.time()


def test_the_api_understands_our_times(scene: Scene, console: Console) -> None:
    now = time.time()

    ages = console(
        "j = Sidekiq::RetrySet.new.first; "
        "[j.created_at.to_f, j.enqueued_at.to_f, j['failed_at']]"
    )
    assert all(now - HOUR < at <= now for at in ages)
    assert 0 <= console("Sidekiq::Queue.new('default').latency") < HOUR


@pytest.mark.parametrize(
    ("key", "sets"), [("retry", "RetrySet"), ("schedule", "ScheduledSet")]
)
def test_a_job_of_ours_is_put_off_and_stays_one_job(
    scene: Scene, console: Console, key: str, sets: str
) -> None:
    """With other bytes than Ruby's it would be there twice (wire.md §1.6)."""
    [(payload, _)] = members(scene.cluster, key)
    later = time.time() + 2 * HOUR

    console(f"Sidekiq::{sets}.new.first.reschedule(at)", at=later)

    [(member, at)] = members(scene.cluster, key)
    assert member == payload
    assert at == pytest.approx(later, abs=0.01)


def test_our_jobs_are_killed_brought_back_and_deleted(
    scene: Scene, console: Console
) -> None:
    cluster, jid = scene.cluster, scene.failed.jid
    [(payload, _)] = members(cluster, "retry")

    console("Sidekiq::RetrySet.new.find_job(jid).kill", jid=jid)
    assert members(cluster, "retry") == []
    assert payload in [member for member, _ in members(cluster, "dead")]

    console("Sidekiq::DeadSet.new.find_job(jid).retry", jid=jid)
    wait_until(lambda: len(cluster.history.runs[jid]) == 2)
    wait_until(lambda: cluster.client.zcard("retry") == 1)

    console("Sidekiq::RetrySet.new.find_job(jid).delete", jid=jid)
    console("Sidekiq::DeadSet.new.clear")
    console("Sidekiq::ScheduledSet.new.find_job(jid).delete", jid=scene.scheduled.jid)
    console("Sidekiq::Queue.new('default').find_job(jid).delete", jid=scene.waiting.jid)
    assert cluster.client.exists("retry", "dead", "schedule", "queue:default") == 0


def test_all_of_our_jobs_are_retried_at_once(scene: Scene, console: Console) -> None:
    console("Sidekiq::RetrySet.new.retry_all; Sidekiq::DeadSet.new.retry_all")

    def are_run() -> bool:
        runs = scene.cluster.history.runs
        # More often, if they fail before Ruby looks whether it is through.
        return all(len(runs[job.jid]) >= 2 for job in (scene.failed, scene.dead))

    wait_until(are_run)


def test_the_api_quiets_us_asks_what_we_do_and_stops_us(
    scene: Scene, console: Console
) -> None:
    client, identity = scene.cluster.client, scene.identity

    console("Sidekiq::ProcessSet.new.first.dump_threads")
    wait_until(lambda: "in nap" in scene.kiq.log)
    console("Sidekiq::ProcessSet.new.first.quiet!")
    wait_until(lambda: client.hget(identity, "quiet") == "true")
    assert console("Sidekiq::ProcessSet.new.first.stopping?") is True
    console("Sidekiq::ProcessSet.new.first.stop!")

    assert scene.kiq.wait() == 0
    assert console("Sidekiq::ProcessSet.new.size") == 0
