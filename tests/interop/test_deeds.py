"""What our API does to a job leaves Redis as Ruby's leaves it."""

import itertools
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kiq_trio import Redis, api
from tests.interop.cluster import Cluster, dump
from tests.interop.console import Console
from tests.interop.test_names import ask

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

THEN = 1_795_318_252.5
"""When all of this is said to have happened."""
LATER = 4_000_000_000.5

JOB: dict[str, Any] = {
    "class": "A",
    "args": [1, "é", 10**30, {"k": None}],
    "queue": "q",
    "jid": "abc",
    "created_at": THEN,
    "extra": None,
    "retry": 5,
}
FAILED = {"enqueued_at": THEN, "failed_at": THEN, "error_class": "E", "retry_count": 0}
JOBS = {
    "scheduled": JOB,
    "failed once": JOB | FAILED,
    "failed thrice": JOB | FAILED | {"retry_count": 2, "retried_at": THEN},
    "failed of no queue": {k: v for k, v in JOB.items() if k != "queue"} | FAILED,
}

Deed = Callable[[api.SortedEntry], Awaitable[bool]]
DEEDS: dict[str, Deed] = {
    "retry": lambda job: job.retry(),
    "add_to_queue": lambda job: job.add_to_queue(),
    "kill": lambda job: job.kill(),
    "delete": lambda job: job.delete(),
    f"reschedule({LATER})": lambda job: job.reschedule(LATER),
}
SETS = {
    "ScheduledSet": api.ScheduledSet,
    "RetrySet": api.RetrySet,
    "DeadSet": api.DeadSet,
}
NOT_ALIKE = {("DeadSet", "kill"), ("ScheduledSet", "retry")}
"""The dead are left alone here, and what waits for no retry keeps all of them."""
CASES = [
    (job, deed, kind)
    for job, deed, kind in itertools.product(JOBS, DEEDS, SETS)
    # Ruby refuses to retry what has not failed.
    if (kind, deed) not in NOT_ALIKE and (job, deed) != ("scheduled", "retry")
]


def read_all(cluster: Cluster) -> dict[str, Any]:
    """Return what lies where; times of today are as good as each other."""
    found: dict[str, Any] = {"queues": cluster.client.smembers("queues")}
    keys: Any = cluster.client.keys("queue:*")
    for key in sorted(keys):
        members: Any = cluster.client.lrange(key, 0, -1)
        found[key] = [_read(one) for one in members]
    for key in ("schedule", "retry", "dead"):
        scored: Any = cluster.client.zrange(key, 0, -1, withscores=True)
        found[key] = [(_read(one), _blur(score)) for one, score in scored]
    return found


def _read(member: str) -> dict[str, Any]:
    fields = {
        name: _blur(value) if name.endswith("_at") else value
        for name, value in json.loads(member).items()
    }
    if fields.get("failed_at") == "today":
        # What is killed before it ever failed says so only with us (docs/api.md).
        del fields["failed_at"]
    # Nor would its page be shown without a queue (wire.md §8.2).
    return {"queue": "default", **fields}


def _blur(moment: float) -> float | str:
    # Ruby adds to a score what is missing, and misses the new one by as little.
    return "today" if abs(moment - time.time()) < 3_600 else round(moment, 3)


@pytest.mark.parametrize(("job", "deed", "kind"), CASES)
def test_a_deed_comes_to_the_same(
    cluster: Cluster, console: Console, job: str, deed: str, kind: str
) -> None:
    place = {SETS[kind].name: {dump(JOBS[job]): THEN}}

    async def do(redis: Redis) -> bool:
        (entry,) = await SETS[kind](redis, sidekiq=6).slice(0, 9)
        return await DEEDS[deed](entry)

    def lay() -> None:
        cluster.client.flushall()
        for key, members in place.items():
            cluster.client.zadd(key, members)

    lay()
    code = deed.replace(str(LATER), f"Time.at({LATER})")
    console(f"Sidekiq::{kind}.new.first.{code}; nil")
    theirs = read_all(cluster)
    lay()
    assert ask(cluster, do)

    assert read_all(cluster) == theirs
