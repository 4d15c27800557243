"""All that Sidekiq's API can do, ours can do, and it comes to the same."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
import trio

from kiq_trio import Redis, api
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.servers import server_from_url
from tests.api.table import names_of_ruby
from tests.interop.cluster import Cluster
from tests.interop.console import Console

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

T = TypeVar("T")

CLASSES = (
    *("Stats", "Stats::Queues", "Stats::History", "Queue", "JobRecord", "SortedEntry"),
    *("SortedSet", "JobSet", "ScheduledSet", "RetrySet", "DeadSet"),
    *("ProcessSet", "Process", "WorkSet"),
)
RUBY_NAMES = (
    "classes.flat_map { |c| k = Object.const_get('Sidekiq::' + c); "
    "k.public_instance_methods(false) + k.singleton_methods(false) }.uniq"
)
JOB = {"class": "Succeed", "args": [1], "queue": "q", "jid": "abc", "created_at": 5.5}
SETS = ("ScheduledSet", "RetrySet", "DeadSet")


def ask(cluster: Cluster, question: Callable[[Redis], Awaitable[T]]) -> T:
    """Return what a Trio program hears."""

    async def main() -> T:
        server = server_from_url(cluster.server.url)
        async with open_redis(server, scripts=SCRIPTS) as redis:
            return await question(redis)

    return trio.run(main)


def members(cluster: Cluster) -> dict[str, Any]:
    """Return what lies in each set, as JSON says it, with its score."""
    found: dict[str, Any] = {}
    for key in ("schedule", "retry", "dead"):
        rows: Any = cluster.client.zrange(key, 0, -1, withscores=True)
        found[key] = [(json.loads(member), score) for member, score in rows]
    return found


def test_every_method_of_theirs_is_in_a_table(console: Console) -> None:
    methods = console(RUBY_NAMES, classes=CLASSES)

    names = {name.rstrip("!?") for name in methods} - {"[]"}
    assert names - names_of_ruby() == set()


@pytest.mark.parametrize("kind", SETS)
def test_a_job_that_we_put_into_a_set_is_where_they_would_put_it(
    cluster: Cluster, console: Console, kind: str
) -> None:
    async def put(redis: Redis) -> None:
        await getattr(api, kind)(redis, sidekiq=6).schedule(5e9, JOB)

    console(f"Sidekiq::{kind}.new.schedule(5e9, job)", job=JOB)
    theirs = members(cluster)
    cluster.client.flushall()
    ask(cluster, put)

    ours = members(cluster)
    for ((job, at),), ((other, moment),) in zip(
        filter(None, ours.values()), filter(None, theirs.values()), strict=True
    ):
        assert at == moment == 5e9
        # What Sidekiq's client gives every job, and its UI asks for.
        assert {**job, **other} == job
        assert job.keys() - other.keys() <= {"retry", "failed_at"}
    assert console(f"Sidekiq::{kind}.new.find_job('abc').args") == [1]


def test_a_job_that_we_declare_dead_is_as_dead_as_theirs(
    cluster: Cluster, console: Console
) -> None:
    async def kill(redis: Redis) -> None:
        await api.DeadSet(redis, sidekiq=6).kill(json.dumps(JOB))

    ask(cluster, kill)
    console("Sidekiq::DeadSet.new.kill(job.to_json)", job={**JOB, "jid": "other"})

    ages = console("Sidekiq::DeadSet.new.map { |j| [j.jid, Time.now - j.at] }")
    assert {jid for jid, _ in ages} == {"abc", "other"}
    assert all(0 <= age < 60 for _, age in ages)


def test_what_they_put_into_a_set_we_trim_pop_and_delete(
    cluster: Cluster, console: Console
) -> None:
    async def empty(redis: Redis) -> tuple[Any, ...]:
        return (
            await api.DeadSet(redis).trim(),
            await api.ScheduledSet(redis).delete_by_jid(5e9, "abc"),
            [job.jid async for job in api.RetrySet(redis).pop_each()],
        )

    console(
        f"%w[{' '.join(SETS)}].each {{ |s| "
        "Sidekiq.const_get(s).new.schedule(s == 'DeadSet' ? 5 : 5e9, job) }",
        job=JOB,
    )

    assert ask(cluster, empty) == (1, True, ["abc"])
    sizes = (
        "Sidekiq::Stats.new.then { |s| [s.scheduled_size, s.retry_size, s.dead_size] }"
    )
    assert console(sizes) == [0, 0, 0]


def test_who_has_vanished_is_cleaned_up_by_us_as_by_them(
    cluster: Cluster, console: Console
) -> None:
    async def clean(redis: Redis) -> int:
        return await api.ProcessSet(redis).cleanup()

    counts = []
    for cleanup in (
        lambda: console("Sidekiq::ProcessSet.new(false).cleanup"),
        lambda: ask(cluster, clean),
    ):
        cluster.client.sadd("processes", "gone:1:a", "gone:2:b")
        cluster.client.hset("here:3:c", "info", "{}")
        cluster.client.sadd("processes", "here:3:c")
        counts.append((cleanup(), cluster.client.smembers("processes")))

    assert counts == [(2, {"here:3:c"})] * 2
