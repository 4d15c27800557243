"""What clients enqueue, a `Kiq` runs."""

import asyncio

import pytest
import trio

from kiq_trio import Job, Kiq, worker
from kiq_trio.clients import AsyncioClient, SyncClient
from tests.servers import RealServer

pytestmark = pytest.mark.server


async def test_a_kiq_runs_what_clients_enqueue(empty_server: RealServer) -> None:
    ran: list[str] = []
    all_ran = trio.Event()

    @worker(unique_for=60)
    async def note(who: str) -> None:
        ran.append(who)
        if len(ran) == 4:
            all_ran.set()

    def block() -> Job:
        with SyncClient(empty_server.url) as jobs:
            jobs.enqueue(note.new("plain"))
            jobs.enqueue(note.new("later"), in_=0.01)
            assert jobs.enqueue(note.new("later")).duplicate_of is not None
            return jobs.enqueue(note.new("plain"))

    async def wait() -> None:
        async with AsyncioClient(empty_server.url) as jobs:
            await jobs.enqueue_many([note.new("one"), note.new("two")])

    refused = await trio.to_thread.run_sync(block)
    await trio.to_thread.run_sync(asyncio.run, wait())
    assert refused.duplicate_of is not None

    async with Kiq(redis_url=empty_server.url, workers=[note]) as kiq:
        with trio.fail_after(30):
            await all_ran.wait()
        await kiq.wait_idle()
        assert await kiq.find_lock_owner(note.new("plain")) is None

    assert sorted(ran) == ["later", "one", "plain", "two"]
