import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kiq_trio._store.ordering import BEGINNING, Order, give, wait_for_orders
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


ORDER = Order(kind="cancel", subject="abc", at=0.0)


async def test_whoever_waits_gets_what_is_given_and_loses_nothing(
    redis: Redis,
) -> None:
    first = await give(redis, ORDER)
    assert [
        one.place for one in await wait_for_orders(redis, BEGINNING, timeout=9)
    ] == [first]

    async def give_later() -> None:
        await trio.sleep(0.05)
        await give(redis, ORDER)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_later)
        with trio.fail_after(5):
            [second] = await wait_for_orders(redis, first, timeout=9)

    assert second.place > first
    # It is not taken away: the next who asks gets it as well.
    assert await wait_for_orders(redis, first, timeout=9) == [second]


async def test_waiting_in_vain_ends(redis: Redis) -> None:
    assert await wait_for_orders(redis, BEGINNING, timeout=0.01) == []
