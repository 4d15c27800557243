"""Lines on which nothing comes, or hardly anything, and nobody is told."""

import random
from contextlib import suppress

import pytest
import trio
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kiq_trio._wire.script import Script
from tests.faults.audit import Client
from tests.faults.durable import DurableServer
from tests.faults.fates import befalls, delayed, trickled
from tests.faults.inside import Runs, note, places, working
from tests.faults.proxy import BOTH, Direction, open_proxy
from tests.wire.clients import open_client, until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

TIMEOUT = 0.4
UP: frozenset[Direction] = frozenset({"up"})
DOWN: frozenset[Direction] = frozenset({"down"})
dark = pytest.mark.parametrize("dark", [UP, DOWN, BOTH], ids=["up", "down", "both"])


@dark
@pytest.mark.parametrize("is_idle", [True, False])
async def test_a_half_open_line_is_noticed_in_time_and_replaced(
    durable: DurableServer, dark: frozenset[Direction], *, is_idle: bool
) -> None:
    async with (
        open_proxy(durable.path) as proxy,
        open_client(proxy.url, command_timeout=TIMEOUT) as redis,
    ):
        await redis.ping()
        proxy.dark = dark
        dark_at = trio.current_time()
        if not is_idle:
            with pytest.raises(RedisTimeoutError):
                await redis.ping()
        await until(lambda: redis.state == "down")
        noticed = trio.current_time() - dark_at
        await trio.sleep(TIMEOUT)
        proxy.mend()
        mended_at = trio.current_time()
        assert await redis.ping() is True
        back = trio.current_time() - mended_at

    # One that is idle is looked at after a while, and then given its time.
    assert noticed <= (2 if is_idle else 1) * TIMEOUT + 0.75 * TIMEOUT
    # The attempt that was under way in the dark has to fail first.
    assert back <= TIMEOUT + 1


@dark
async def test_jobs_go_on_after_the_dark_and_each_has_run_once(
    durable: DurableServer, client: Client, dark: frozenset[Direction]
) -> None:
    """It is shorter than a burial; what was under way is asked for again."""
    runs = Runs()
    async with open_proxy(durable.path) as proxy, working(proxy.url, runs) as kiq:
        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(kiq.enqueue, note(number))
                await trio.sleep(0.01)
                if number == 50:
                    proxy.dark = dark
            await trio.sleep(0.5)
            proxy.mend()
            mended_at = trio.current_time()
        await until(lambda: len(runs.ended) == 100)
        took = trio.current_time() - mended_at
        await kiq.wait_idle()

    assert places(client) == {}
    assert set(runs.ended.values()) == {1}
    assert took <= 2


async def test_a_reply_that_trickles_for_ever_is_not_waited_for(
    durable: DurableServer,
) -> None:
    async with (
        open_proxy(durable.path) as proxy,
        open_client(proxy.url, command_timeout=TIMEOUT) as redis,
    ):
        await redis.set("long", "x" * 1000)
        proxy.on_reply = befalls(trickled(TIMEOUT / 8), "GET")
        asked_at = trio.current_time()
        with pytest.raises(RedisTimeoutError):
            await redis.get("long")
        took = trio.current_time() - asked_at
        assert await redis.ping() is True

    assert took <= 2 * TIMEOUT


async def test_what_is_asked_meanwhile_is_no_sign_of_life_of_a_reply_that_trickles(
    durable: DurableServer,
) -> None:
    async with (
        open_proxy(durable.path) as proxy,
        open_client(proxy.url, command_timeout=TIMEOUT) as redis,
    ):
        await redis.set("long", "x" * 1000)
        proxy.on_reply = befalls(trickled(TIMEOUT / 8), "GET")

        async def go_on_asking() -> None:
            while True:
                await trio.sleep(TIMEOUT / 10)
                nursery.start_soon(ask)

        async def ask() -> None:
            with suppress(RedisError):
                await redis.ping()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(go_on_asking)
            with pytest.raises(RedisTimeoutError), trio.fail_after(5):
                await redis.get("long")
            nursery.cancel_scope.cancel()


async def test_a_slow_redis_makes_all_slower_and_nothing_twice(
    durable: DurableServer, client: Client, rng: random.Random
) -> None:
    runs = Runs()
    async with open_proxy(durable.path) as proxy, working(proxy.url, runs) as kiq:
        await kiq.redis.ping()
        # Each reply has a way of its own to go, and then stands behind the others.
        proxy.on_reply = lambda *_: delayed(rng.uniform(0, 0.05))
        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(kiq.enqueue, note(number))
        await until(lambda: len(runs.ended) == 200, within=30)
        proxy.mend()
        await kiq.wait_idle()

    assert places(client) == {}
    assert set(runs.ended.values()) == {1}


BUSY = Script("busy", "while true do end")


async def test_a_script_of_another_that_does_not_end_is_waited_for(
    durable: DurableServer, client: Client
) -> None:
    client.config_set("busy-reply-threshold", 100)
    runs = Runs()
    with durable.client(socket_timeout=30) as other:
        async with open_proxy(durable.path) as proxy, working(proxy.url, runs) as kiq:
            await kiq.enqueue(note("before"))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, be_busy, other)
                await trio.sleep(0.2)
                nursery.start_soon(kiq.enqueue, note("meanwhile"))
                await trio.sleep(1)
                client.script_kill()
            await until(lambda: len(runs.ended) == 2)
            await kiq.wait_idle()

    assert places(client) == {}
    assert runs.ended == {"before": 1, "meanwhile": 1}


def be_busy(client: Client) -> None:
    with pytest.raises(RedisError, match="killed"):
        client.eval(BUSY.source, 0)
