"""`kiq_trio.api` says of a Redis what Sidekiq's own API says of it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
import trio

from kiq_trio import Redis, api
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.servers import server_from_url
from tests.faults.waiting import wait_until
from tests.interop.browser import Browser
from tests.interop.cluster import Cluster
from tests.interop.console import Console
from tests.interop.scene import Scene

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

T = TypeVar("T")

STATS = (
    *("processed", "failed", "enqueued", "scheduled_size", "retry_size"),
    *("dead_size", "processes_size", "workers_size", "queues"),
)
JOB = ("jid", "klass", "display_class", "args", "queue", "tags")
TIMES = ("created_at", "failed_at")

RUBY_STATS = f"s = Sidekiq::Stats.new; {{{', '.join(f'{x}: s.{x}' for x in STATS)}}}"
RUBY_QUEUES = "Sidekiq::Queue.all.to_h { |q| [q.name, [q.size, q.map(&:jid)]] }"
RUBY_JOBS = (
    f"sets.to_h {{ |s| [s, Sidekiq.const_get(s).new.map {{ |j| "
    f"{{{', '.join(f'{x}: j.{x}' for x in JOB)}, at: j.score, "
    f"{', '.join(f'{x}: j[{x!r}]' for x in TIMES)}}} }}] }}"
)
RUBY_PROCESSES = (
    "p = Sidekiq::ProcessSet.new; [p.size, p.total_concurrency, p.map { |x| "
    "[x.identity, x.queues.sort, x['concurrency'], x['busy'], x.stopping?] }.sort]"
)
SETS = (api.ScheduledSet, api.RetrySet, api.DeadSet)


def ask(cluster: Cluster, question: Callable[[Redis], Awaitable[T]]) -> T:
    """Return what a Trio program hears."""

    async def main() -> T:
        async with open_redis(server_from_url(cluster.server.url)) as redis:
            return await question(redis)

    return trio.run(main)


@pytest.fixture
def both(scene: Scene, console: Console) -> Cluster:
    """A process and jobs of either side, with nobody left who would move them."""
    cluster = scene.cluster
    console('Sidekiq::Client.push("class" => "Nowhere", "queue" => "q", "args" => [])')
    console('Succeed.perform_in(3600, "later")')
    sidekiq = cluster.sidekiq("q")
    wait_until(lambda: cluster.client.zcard("retry") == 2)
    wait_until(lambda: cluster.client.get("stat:failed") == "3")
    # It stays shown for a minute.
    sidekiq.kill()
    return cluster


async def read_all(redis: Redis) -> dict[str, Any]:
    """Return what Ruby is asked for, in its words."""
    stats = await api.Stats.read(redis)
    processes = api.ProcessSet(redis)
    return {
        "stats": {name: getattr(stats, name) for name in STATS},
        "queues": {
            queue.name: [await queue.size(), [job.jid async for job in queue]]
            for queue in await api.Queue.all(redis)
        },
        "jobs": {
            kind.__name__: [_tell(job) async for job in kind(redis)] for kind in SETS
        },
        "processes": [
            await processes.size(),
            await processes.total_concurrency(),
            sorted(
                [x.identity, sorted(x.queues), x.concurrency, x.busy, x.is_quiet]
                for x in await processes.read()
            ),
        ],
    }


def _tell(job: api.SortedEntry) -> dict[str, Any]:
    told = {name: getattr(job, name) for name in JOB}
    told |= {"args": list(job.args), "tags": list(job.tags), "at": job.at}
    return told | {name: job.item.get(name) for name in TIMES}


def test_we_say_what_ruby_says(both: Cluster, console: Console) -> None:
    ours = ask(both, read_all)

    assert ours["stats"] == console(RUBY_STATS)
    assert ours["queues"] == console(RUBY_QUEUES)
    theirs = console(RUBY_JOBS, sets=[kind.__name__ for kind in SETS])
    # Ruby goes through a set from its end.
    assert ours["jobs"] == {name: jobs[::-1] for name, jobs in theirs.items()}
    assert ours["processes"] == console(RUBY_PROCESSES)
    assert [len(jobs) for jobs in ours["jobs"].values()] == [2, 2, 1]
    assert ours["processes"][0] == 2


def test_what_we_kill_before_it_failed_has_a_page(
    scene: Scene, browser: Browser
) -> None:

    async def kill(redis: Redis) -> int:
        return await api.ScheduledSet(redis, sidekiq=6).kill_all()

    assert ask(scene.cluster, kill) == 1

    links = browser.get("/morgue").links("/morgue/")
    [page] = [browser.get(one) for one in links if scene.scheduled.jid in one]
    assert page.status == 200
    assert scene.scheduled.jid in page.words
