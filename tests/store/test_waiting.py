import pytest
import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from trio.testing import wait_all_tasks_blocked

from kiq_trio._store.fetching import Delivery
from kiq_trio._store.ordering import BEGINNING, Order, give, wait_for_orders
from kiq_trio._store.waiting import Catch, wait_and_fetch
from kiq_trio._wire.client import Redis
from kiq_trio.errors import QueuePausedError
from tests.store.deeds import ME, OTHER, held, join, put, take, waiting

NOTHING = Catch([], was_woken=False, error=None)


async def until_blocked(redis: Redis, number: int = 1) -> None:
    """Wait until Redis holds so many waits: no event of ours tells of it."""
    with trio.fail_after(5):
        while (await redis.info("clients")).get("blocked_clients", number) != number:  # noqa: ASYNC110 - see above.
            await trio.sleep(0.002)
    await wait_all_tasks_blocked()


@pytest.fixture
async def redis(redis: Redis) -> Redis:
    """The client, and the process `ME` is registered."""
    await join(redis, ME)
    return redis


async def catch(redis: Redis, *, timeout: float = 60, call: int = 1) -> Catch:
    return await wait_and_fetch(
        redis,
        timeout=timeout,
        identity=ME,
        producer="mail",
        call=call,
        queue="mail",
        limit=2,
    )


async def test_work_that_is_there_is_taken_at_once(redis: Redis) -> None:
    await put(redis, "mail", b"1", b"2", b"3")

    caught = await catch(redis)

    assert [job.payload for job in caught.jobs] == [b"1", b"2"]
    assert await waiting(redis, "mail") == [b"3"]


async def test_who_waits_is_woken_by_work_and_has_it(redis: Redis) -> None:
    caught = []

    async def wait() -> None:
        caught.append(await catch(redis))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await until_blocked(redis)
        await put(redis, "mail", b"1")

    job = Delivery("mail.1.0", "mail", b"1", ME)
    assert caught == [Catch([job], was_woken=True, error=None)]
    assert (await held(redis), await waiting(redis, "mail")) == (1, [])


async def test_of_two_who_wait_one_gets_it_and_the_other_nothing(
    redis: Redis,
) -> None:
    await join(redis, OTHER)
    caught = []

    async def wait(identity: str) -> None:
        one = await wait_and_fetch(
            redis,
            timeout=0.2,
            identity=identity,
            producer="mail",
            call=1,
            queue="mail",
            limit=2,
        )
        caught.append(len(one.jobs))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, ME)
        nursery.start_soon(wait, OTHER)
        await until_blocked(redis, 2)
        await put(redis, "mail", b"1")

    assert sorted(caught) == [0, 1]
    assert (await held(redis) + await held(redis, OTHER)) == 1


@pytest.mark.slow
async def test_waiting_ends_after_its_time(redis: Redis) -> None:
    with trio.fail_after(30):
        assert await catch(redis, timeout=0.05) == NOTHING

    # That was a call as any other: there is no second one of its number.
    await put(redis, "mail", b"1")
    assert await take(redis, "mail", call=1) == []


async def test_whoever_stops_waiting_hears_what_was_fetched(redis: Redis) -> None:
    caught = []

    async def wait() -> None:
        caught.append(await catch(redis))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await until_blocked(redis)
        nursery.cancel_scope.cancel()

    assert caught == [NOTHING]
    await put(redis, "mail", b"1")
    assert len(await take(redis, "mail", call=2)) == 1


async def test_a_paused_queue_keeps_what_comes_while_we_wait(redis: Redis) -> None:
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(QueuePausedError):
                await catch(redis)

        nursery.start_soon(wait)
        await until_blocked(redis)
        await redis.raw("SADD", "paused", "mail")
        await put(redis, "mail", b"1")

    assert await waiting(redis, "mail") == [b"1"]


async def test_a_dead_line_takes_nothing_and_a_repeated_call_does(redis: Redis) -> None:
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(RedisConnectionError):
                await catch(redis)

        nursery.start_soon(wait)
        await until_blocked(redis)
        [line] = [
            client["id"]
            for client in await redis.client_list()
            if client["name"] == "kiq_trio-blocking"
        ]
        await redis.raw("CLIENT", "KILL", "ID", line)

    await put(redis, "mail", b"1")
    assert await waiting(redis, "mail") == [b"1"]
    assert len(await take(redis, "mail", call=1, limit=2)) == 1


async def test_scripts_may_be_forgotten_while_we_wait(redis: Redis) -> None:
    caught = []

    async def wait() -> None:
        caught.append(await catch(redis))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await until_blocked(redis)
        await redis.raw("SCRIPT", "FLUSH")
        await put(redis, "mail", b"1")

    assert [job.payload for job in caught[0].jobs] == [b"1"]


async def test_a_key_that_is_no_list_is_told(redis: Redis) -> None:
    await redis.raw("SET", "queue:mail", "text")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await catch(redis)


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
