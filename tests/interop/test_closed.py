"""Jobs that need what only Sidekiq Pro or Enterprise has wait for it."""

import json
import time
from typing import Any

import pytest

from tests.faults.waiting import wait_until
from tests.interop.cluster import Cluster
from tests.interop.console import Console

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

PUSH = (
    "[{'bid' => 'vTF1-9QvLPnREQ'}, {'encrypt' => true}].map { |f| Sidekiq::Client.push("
    "{'class' => 'Succeed', 'queue' => 'python', 'args' => [1, 10**30]}.merge(f)) }"
)


def test_a_batch_is_left_to_those_who_know_batches(
    cluster: Cluster, console: Console
) -> None:
    jids = console(PUSH)
    before: Any = cluster.client.lrange("queue:python", 0, -1)

    kiq = cluster.ours()
    wait_until(lambda: cluster.client.zcard("schedule") == 2)
    put_off: Any = cluster.client.zrange("schedule", 0, -1, withscores=True)

    kept = {json.loads(payload)["jid"]: payload for payload, _ in put_off}
    for payload in before:
        job = json.loads(payload)
        stamp = f',"enqueued_at":{job["enqueued_at"]!r}'
        assert kept[job["jid"]] == payload.replace(stamp, "")
    for _, at in put_off:
        assert time.time() + 30 < at < time.time() + 61
    assert set(kept) == set(jids)
    assert cluster.history.runs == {}
    assert cluster.client.exists("retry", "dead", "queue:python") == 0
    assert kiq.log.count("jobs of Succeed have 'bid'") == 1
    # Whoever knows better can have them at once.
    console("Sidekiq::ScheduledSet.new.each(&:add_to_queue)")
    wait_until(lambda: cluster.client.zcard("schedule") == 2)


def test_a_batch_is_run_by_whoever_accepts_it(
    cluster: Cluster, console: Console
) -> None:
    jids = console(PUSH)

    cluster.ours(accept=["bid", "encrypt"])

    wait_until(lambda: all(cluster.history.ended[jid] for jid in jids))
