import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kiq_trio._store.waiting import wait_for_work
from kiq_trio._wire.client import Redis
from tests.store.deeds import put, waiting


async def test_work_that_is_there_is_told_at_once_and_stays(redis: Redis) -> None:
    await put(redis, "mail", b"1", b"2")

    assert await wait_for_work(redis, "mail", timeout=60)

    assert await waiting(redis, "mail") == [b"1", b"2"]


async def test_who_waits_is_woken_by_work(redis: Redis) -> None:
    woken = []

    async def wait() -> None:
        woken.append(await wait_for_work(redis, "mail", timeout=60))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await put(redis, "mail", b"1")

    assert woken == [True]
    assert await waiting(redis, "mail") == [b"1"]


@pytest.mark.slow
async def test_waiting_ends_after_its_time(redis: Redis) -> None:
    with trio.fail_after(30):
        assert not await wait_for_work(redis, "mail", timeout=0.05)
