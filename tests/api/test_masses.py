"""A hundred thousand jobs, on a real server, which must stay free for others."""

import re
from collections.abc import AsyncIterator

import pytest

from kiq_trio import Redis, api
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.address import Address
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.remote import RemoteServer
from kiq_trio._wire.slot import Command
from tests.servers import RealServer
from tests.store.chores import payload

COUNT = 100_000
BUSY_US = 2_000
"""How many microseconds a command may take on average, on a slow machine."""

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
async def redis(real_server: RealServer) -> AsyncIterator[Redis]:
    server = RemoteServer(Address.from_url(real_server.unix_url))
    async with open_redis(server, scripts=SCRIPTS) as redis:
        await redis.raw("FLUSHALL")
        yield redis


async def fill(redis: Redis) -> list[str]:
    """Put them into the retry set, hundreds at one time, and into a queue."""
    for start in range(0, COUNT, 1_000):
        some = range(start, start + 1_000)
        scored = [x for n in some for x in (9e9 + n // 300, payload(f"{n:06}"))]
        commands: list[Command] = [
            ("ZADD", "retry", *scored),
            ("LPUSH", "queue:mail", *(payload(f"{n:06}") for n in some)),
        ]
        await redis.send(commands)
    await redis.raw("SADD", "queues", "mail")
    await redis.raw("CONFIG", "RESETSTAT")
    return [f"{n:06}" for n in range(COUNT)]


async def check_that_redis_was_free(redis: Redis, *names: str) -> None:
    info = (await redis.raw("INFO", "commandstats")).decode()
    for name in names:
        (mean,) = re.findall(rf"cmdstat_{name}:.*?usec_per_call=([\d.]+)", info)
        assert float(mean) < BUSY_US, f"{name} takes {mean} us"


async def test_they_are_gone_through_once_and_in_order(redis: Redis) -> None:
    jids = await fill(redis)

    assert [job.jid async for job in api.RetrySet(redis)] == jids
    assert [job.jid async for job in api.Queue(redis, "mail")] == jids

    await check_that_redis_was_free(redis, "zrange", "lrange")


async def test_one_of_them_is_found(redis: Redis) -> None:
    await fill(redis)

    in_set = await api.RetrySet(redis).find_job("099999")
    in_queue = await api.Queue(redis, "mail").find_job("099999")

    assert in_set is not None
    assert in_queue is not None
    await check_that_redis_was_free(redis, "zscan", "lrange")


async def test_all_of_them_are_retried_and_deleted(redis: Redis) -> None:
    await fill(redis)

    assert await api.RetrySet(redis).retry_all() == COUNT
    assert await api.Queue(redis, "mail").size() == 2 * COUNT
    assert await api.Queue(redis, "mail").clear() == 2 * COUNT

    await check_that_redis_was_free(redis, "zrange", "evalsha")
