"""A thousand jobs each way, of every kind: each is done once."""

import uuid
from typing import Any

import pytest

from kiq_trio import Job
from kiq_trio.clients import SyncClient
from tests.faults.waiting import wait_until
from tests.interop.cluster import Cluster
from tests.interop.console import Console

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

WRAPPER = "ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper"


def ruby_job(job_class: str, *args: Any, **fields: Any) -> Job:
    given = {"class": job_class, "args": list(args), "queue": "ruby", "retry": True}
    return Job.from_map({**given, **fields})


def envelope(number: int) -> dict[str, Any]:
    """Return what Active Job puts into the one argument."""
    return {
        "job_class": "Mailer",
        "job_id": str(uuid.uuid4()),
        "provider_job_id": None,
        "queue_name": "ruby",
        "priority": None,
        "arguments": [number, {"_aj_symbol_keys": []}],
        "executions": 0,
        "exception_executions": {},
        "locale": "en",
        "timezone": "UTC",
        "enqueued_at": "2026-11-22T03:36:00Z",
    }


def enqueue_every_kind(client: SyncClient) -> dict[str, list[str]]:
    """Enqueue what enqueue.rb does, the other way; return the jids by kind."""
    many = {
        "bulk": [ruby_job("Succeed", i, 10**30) for i in range(300)],
        "tagged": [ruby_job("Succeed", tags=[f"tag-{i}"]) for i in range(100)],
        "envelopes": [
            ruby_job(WRAPPER, envelope(i), wrapped="Mailer") for i in range(50)
        ],
        "handed": [
            ruby_job("Handover", "ruby", backtrace=True, retry_queue="python")
            for _ in range(100)
        ],
        "dead": [ruby_job("Doomed", retry=0, backtrace=3) for _ in range(50)],
    }
    one = [
        client.enqueue(ruby_job("Succeed", i, "é", {"k": [None, 1.5]}))
        for i in range(200)
    ]
    later = [
        client.enqueue(ruby_job("Succeed", i), in_=1 + i / 200) for i in range(200)
    ]
    stored = {kind: client.enqueue_many(jobs) for kind, jobs in many.items()}
    stored |= {"immediate": one, "scheduled": later}
    return {kind: [job.jid for job in jobs] for kind, jobs in stored.items()}


def wait_for_the_end(cluster: Cluster, dead: int) -> None:
    def is_over() -> bool:
        client: Any = cluster.client
        left = client.exists("queue:ruby", "queue:python", "schedule", "retry")
        held = [key for key in client.keys("kiq:backup|*") if client.exists(key)]
        return not left and not held and bool(client.zcard("dead") == dead)

    wait_until(is_over, timeout=60)


def test_a_thousand_jobs_each_way_are_done_once(
    cluster: Cluster, console: Console, client: SyncClient
) -> None:
    theirs = console("enqueue_every_kind")
    ours = enqueue_every_kind(client)
    assert [sum(map(len, each.values())) for each in (theirs, ours)] == [1000, 1000]

    sidekiq, kiq = cluster.sidekiq(), cluster.ours()
    wait_for_the_end(cluster, dead=100)

    history = cluster.history
    for jids, foreign, native in ((theirs, kiq, sidekiq), (ours, sidekiq, kiq)):
        for jid in jids.pop("handed"):
            assert [run.pid for run in history.runs[jid]] == [foreign.pid, native.pid]
            assert history.ended[jid] == 1
        for jid in jids.pop("dead"):
            assert [run.pid for run in history.runs[jid]] == [foreign.pid]
            assert history.ended[jid] == 0
        for kind, done in jids.items():
            for jid in done:
                assert [run.pid for run in history.runs[jid]] == [foreign.pid], kind
                assert history.ended[jid] == 1
    assert len(history.runs) == 2000


def test_one_queue_is_worked_off_by_both_sides(
    cluster: Cluster, console: Console, client: SyncClient
) -> None:
    programs = [cluster.sidekiq("shared"), cluster.ours(queues={"shared": 2})]
    naps = [ruby_job("Nap", 0.01, queue="shared") for _ in range(300)]
    jids = [job.jid for job in client.enqueue_many(naps)]
    jids += console("Nap.set(queue: 'shared').perform_bulk([[0.01]] * 300)")
    wait_until(lambda: cluster.history.ended.total() >= len(jids))

    history = cluster.history
    assert history.ended == dict.fromkeys(jids, 1)
    assert history.most == 1
    pids = {run.pid for runs in history.runs.values() for run in runs}
    assert pids == {program.pid for program in programs}


def test_both_sides_count_every_run(
    cluster: Cluster, console: Console, client: SyncClient
) -> None:
    console("5.times { Doomed.set(queue: 'python', retry: 0).perform_async }")
    client.enqueue_many([ruby_job("Succeed", i) for i in range(7)])
    programs = [cluster.sidekiq(), cluster.ours()]
    wait_for_the_end(cluster, dead=5)

    for program in programs:
        program.terminate()
        assert program.wait() == 0

    stats = console("s = Sidekiq::Stats.new; [s.processed, s.failed, s.dead_size]")
    assert stats == [12, 5, 5]
    history = console("Sidekiq::Stats::History.new(1).processed.values")
    assert history == [12]
