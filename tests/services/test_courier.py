"""Orders reach a process soon, once it is there again, and only if it is meant."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest
import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from trio.testing import MockClock, wait_all_tasks_blocked
from trio_util import AsyncValue

from kiq_trio._background import background
from kiq_trio._pipeline.lease import Lease
from kiq_trio._services.courier import Courier
from kiq_trio._store.ordering import REMEMBERED, Order, give
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.seam import Server
from tests.conftest import EPOCH
from tests.store.deeds import ME, OTHER
from tests.unkind import UnkindServer

WAIT = 2.0

Heard: TypeAlias = AsyncValue[list[str]]


def order(subject: str, **fields: Any) -> Order:
    return Order(**{"kind": "cancel", "subject": subject, "at": EPOCH, **fields})


@asynccontextmanager
async def listening(
    redis: Redis, server: Server, now: Callable[[], float]
) -> AsyncIterator[Heard]:
    heard = AsyncValue[list[str]]([])
    lease = Lease()
    lease.grant(ME)

    async def obey(order: Order) -> None:
        await trio.lowlevel.checkpoint()
        heard.value = [*heard.value, order.subject]
        if order.reason == "fail":
            raise RedisConnectionError("away")

    followers = {"cancel": obey, "dump": obey}
    courier = Courier(redis, server, lease, followers, now, WAIT)
    async with background(courier.run):
        yield heard


@pytest.fixture
def tellable(unkind: UnkindServer, monkeypatch: pytest.MonkeyPatch) -> UnkindServer:
    """The server in the process as it would be were it elsewhere."""
    monkeypatch.setattr(UnkindServer, "is_in_process", False)
    return unkind


async def until(heard: Heard, *wanted: str) -> None:
    with trio.fail_after(10):
        await heard.wait_value([*wanted])


async def test_an_order_is_heard_at_once(server: Server) -> None:
    async with (
        open_redis(server, scripts=SCRIPTS) as redis,
        listening(redis, server, lambda: EPOCH) as heard,
    ):
        await give(redis, order("a"))
        await until(heard, "a")
        await give(redis, order("b"))
        await give(redis, order("c"))
        await until(heard, "a", "b", "c")


async def test_in_process_nothing_is_done_until_an_order_is_given(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with listening(redis, unkind, unkind.clock) as heard:
        asked = len(unkind.asked)
        await trio.sleep(80_000)
        assert len(unkind.asked) == asked

        await give(redis, order("a"))
        await wait_all_tasks_blocked()

        assert heard.value == ["a"]


async def test_what_was_ordered_of_late_is_heard_at_the_start_if_it_lasts(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await give(redis, order("old", at=EPOCH - REMEMBERED - 1))
    await give(redis, order("young", at=EPOCH - REMEMBERED + 1))
    await give(redis, order("past", kind="dump"))

    async with listening(redis, unkind, lambda: EPOCH) as heard:
        assert heard.value == ["young"]
        await give(redis, order("now", kind="dump"))
        await wait_all_tasks_blocked()

        assert heard.value == ["young", "now"]


async def test_an_order_for_another_and_one_that_nobody_knows_are_left_alone(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with listening(redis, unkind, unkind.clock) as heard:
        await give(redis, order("a", target=OTHER))
        await give(redis, order("b", target=ME))
        await give(redis, order("c", kind="dance"))
        await give(redis, order("d", reason="fail"))
        await give(redis, order("e"))
        await wait_all_tasks_blocked()

        assert heard.value == ["b", "d", "e"]


async def test_an_outage_delays_orders_and_loses_none(
    autojump_clock: MockClock, redis: Redis, tellable: UnkindServer
) -> None:
    async with listening(redis, tellable, tellable.clock) as heard:
        await give(redis, order("a"))
        await trio.sleep(1)
        tellable.go_away()
        await trio.sleep(100)
        async with open_redis(tellable.kind_door(), scripts=SCRIPTS) as door:
            await give(door, order("b"))
        tellable.come_back()
        await trio.sleep(10)

        assert heard.value == ["a", "b"]


async def test_where_nobody_can_wait_orders_are_looked_for(
    autojump_clock: MockClock, redis: Redis, tellable: UnkindServer
) -> None:
    refused = ResponseError("ERR max number of clients reached")
    tellable.refusal = lambda command: refused if command[0] == "XREAD" else None
    async with listening(redis, tellable, tellable.clock) as heard:
        await give(redis, order("a"))
        await trio.sleep(WAIT + 0.1)

        assert heard.value == ["a"]


async def test_an_error_that_lasts_is_logged_once_and_so_is_its_end(
    autojump_clock: MockClock,
    redis: Redis,
    tellable: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.courier")
    refused = ResponseError("WRONGTYPE no")
    tellable.refusal = lambda command: refused if "kiq:orders" in command else None
    async with listening(redis, tellable, tellable.clock) as heard:
        await trio.sleep(100)
        assert caplog.text.count("are not heard: WRONGTYPE") == 1

        tellable.refusal = lambda _: None
        await give(redis, order("a"))
        await trio.sleep(10)

        assert heard.value == ["a"]
        assert caplog.text.count("orders are heard") == 1


async def test_a_redis_that_lost_its_data_is_listened_to_as_before(
    server: Server,
) -> None:
    async with (
        open_redis(server, scripts=SCRIPTS) as redis,
        listening(redis, server, lambda: EPOCH) as heard,
    ):
        await give(redis, order("a"))
        await until(heard, "a")
        await redis.raw("FLUSHALL")
        # A place begins with the millisecond: "b" must not get the place of "a".
        await trio.sleep(0.002)
        await give(redis, order("b"))
        await until(heard, "a", "b")
