"""What we do not promise, shown: jobs that are lost, run beside themselves, or late."""

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Kiq, Timing, worker
from kiq_trio.clients import SyncClient
from tests.faults.audit import Client
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.proxy import BOTH, proxied
from tests.faults.test_cut_files import increment
from tests.faults.test_partitions import pauses
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import TIMING, make_job
from tests.servers import RealServer

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]


def test_runs_of_an_exclusive_job_overlap_if_it_does_not_hear_that_it_is_cut_off(
    durable: DurableServer, client: Client, herd: Herd
) -> None:
    with proxied(durable.path) as proxy:
        lonely = herd.work(queues={"default": 5}, redis_url=proxy.url)
        wait_until(lambda: client.hlen("kiq:processes") == 1)
        jids = store(durable.unix_url, [make_job("stubborn", 2 * TIMING.burial)])
        wait_until(lambda: len(herd.history.runs) == 1)
        herd.work(queues={"default": 5})
        wait_until(lambda: client.hlen("kiq:processes") == 2)
        proxy.dark = BOTH
        wait_drained(client)
        proxy.mend()
        wait_until(lambda: lonely.log.count("registered as") == 2)
        herd.stop()

    assert herd.history.ended[jids[0]] == 2
    [gap] = pauses(herd.history, jids[0])
    assert gap < 0


def test_two_unclean_starts_without_a_check_may_lose_what_was_acknowledged() -> None:
    """At least of those who push as Sidekiq does, with no transaction around it."""
    server = RealServer(appendonly="yes", appendfsync="always")
    try:
        server.start()
        with SyncClient(server.url) as enqueuer, server.client() as other:
            enqueuer.enqueue({"class": "Job"})
            size = increment(server).stat().st_size
            enqueuer.enqueue({"class": "Job"})
            server.kill()
            cut_in_half(server, size)
            server.start()
            for _ in range(20):
                other.lpush("queue:default", '{"class": "Job"}')
            server.kill()
            server.start()
            left = other.llen("queue:default")
    finally:
        server.stop()

    if left == 21:
        pytest.skip("this server has the fix")
    assert left == 1


def cut_in_half(server: RealServer, start: int) -> None:
    """Let the server's file end in the middle of what was written from *start* on."""
    path = increment(server)
    with path.open("r+b") as file:
        # Behind the first write of its transaction, and before the last.
        block = file.read()[start:]
        file.truncate(start + block.index(b"LPUSH"))


async def test_a_retry_and_a_longer_job_end_after_what_came_later(
    autojump_clock: MockClock,
) -> None:
    ended: list[str] = []

    @worker()
    async def work(name: str, seconds: float) -> None:
        await trio.sleep(seconds)
        if name == "fails at first" and name not in tried:
            tried.add(name)
            raise ValueError(name)
        ended.append(name)

    tried: set[str] = set()
    async with Kiq(
        redis_url="memory://", queues={"default": 2}, workers=[work], timing=Timing()
    ) as kiq:
        for name, seconds in [("fails at first", 0), ("long", 3), ("short", 1)]:
            await kiq.enqueue(work.new(name, seconds))
        await trio.sleep(120)

    assert ended == ["short", "long", "fails at first"]
