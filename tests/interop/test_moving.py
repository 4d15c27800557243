"""Whoever polls moves the jobs of both sides, and changes nothing of them."""

import json
import time
from typing import Any

import pytest

from kiq_trio import Job
from kiq_trio.clients import SyncClient
from tests.faults.waiting import wait_until
from tests.interop.cluster import Cluster
from tests.interop.console import Console

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

FIELDS: dict[str, Any] = {
    "class": "Succeed",
    "queue": "python",
    "args": [10**30, 1.5, "é", {"z": 1, "a": None}],
    "retry": 7,
    "tags": ["é"],
    "cattr": {"z": [1], "a": {"b": -(2**70)}},
    "unset": None,
    "bid": "vTF1-9QvLPnREQ",
}


def test_ours_moves_a_job_of_theirs(cluster: Cluster, console: Console) -> None:
    given = {**FIELDS, "queue": "ruby", "at": time.time() + 0.5}
    console("Sidekiq::Client.push(job)", job=given)
    before: Any = cluster.client.zrange("schedule", 0, -1)[0]

    cluster.ours()
    wait_until(lambda: cluster.client.llen("queue:ruby"))

    after: Any = cluster.client.lindex("queue:ruby", 0)
    moved = json.loads(after)
    assert isinstance(moved.pop("enqueued_at"), float)
    assert moved == json.loads(before)
    foreign = ["tags", "cattr", "unset", "bid", "created_at"]
    assert [name for name in moved if name in foreign] == foreign
    assert cluster.client.exists("schedule", "queue:python") == 0


def test_theirs_moves_a_job_of_ours(cluster: Cluster, client: SyncClient) -> None:
    job = client.enqueue(Job.from_map(FIELDS), in_=0.5)
    before: Any = cluster.client.zrange("schedule", 0, -1)[0]

    cluster.sidekiq("unused")
    wait_until(lambda: cluster.client.llen("queue:python"))

    after: Any = cluster.client.lindex("queue:python", 0)
    moved = json.loads(after)
    assert isinstance(moved.pop("enqueued_at"), float)
    assert moved == json.loads(before)
    assert moved["jid"] == job.jid


def test_theirs_puts_off_a_job_of_ours_by_the_bytes_that_ruby_writes(
    cluster: Cluster, client: SyncClient, console: Console
) -> None:
    """With other bytes it would be there twice, and due at once (wire.md §1.6)."""
    floats = [1e15, 1e16, 1.5e300, 9999999999999998.0, 0.0001, 1e-5, -1e-7, 1.5]
    client.enqueue({**FIELDS, "args": floats}, in_=60)
    before: Any = cluster.client.zrange("schedule", 0, -1)

    console("Sidekiq::ScheduledSet.new.first.reschedule(Time.now.to_f + 7200)")

    assert cluster.client.zrange("schedule", 0, -1) == before


def test_ours_leaves_it_to_theirs_if_told_to(
    cluster: Cluster, client: SyncClient
) -> None:
    job = client.enqueue(Job.from_map({**FIELDS, "bid": None}), in_=0.1)
    cluster.ours(schedulers=[])
    # It is due before it is looked at for the first time, and many times after.
    time.sleep(1)
    assert cluster.client.zcard("schedule") == 1

    cluster.sidekiq("unused")

    wait_until(lambda: cluster.history.ended[job.jid] == 1)
