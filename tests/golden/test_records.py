"""What Sidekiqs of several ages show of themselves is understood."""

from collections.abc import AsyncIterator

import pytest

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._store.watching import read_processes, read_running
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryServer
from tests.golden.records import EIGHT, SEVEN, SIX, Record


@pytest.fixture
async def redis(clock: TrioClock) -> AsyncIterator[Redis]:
    async with open_redis(MemoryServer(clock), scripts=SCRIPTS) as redis:
        yield redis


async def show(redis: Redis, identity: str, fields: Record) -> None:
    await redis.raw("SADD", "processes", identity)
    await redis.raw(
        "HSET", identity, *(word for pair in fields.items() for word in pair)
    )


async def test_a_process_of_8_is_understood(redis: Redis) -> None:
    await show(redis, "vm:31416:0a84727fd372", EIGHT)

    [process] = await read_processes(redis)

    assert process.queues == ["default", "low", "single"]
    assert (process.concurrency, process.busy) == (6, 2)
    assert (process.rss, process.rtt_us) == (27936, 74)
    assert process.beat == 1795318282.5891955
    assert not process.is_quiet
    assert not process.is_embedded


async def test_a_process_of_7_is_understood(redis: Redis) -> None:
    await show(redis, "vm:31416:0a84727fd372", SEVEN)

    [process] = await read_processes(redis)

    assert process.queues == ["default", "low"]
    assert (process.concurrency, process.busy) == (5, 0)
    assert process.version == "7.3.10"
    assert not process.is_quiet
    assert not process.is_embedded


async def test_a_process_of_6_is_understood(redis: Redis) -> None:
    await show(redis, "vm:12078:f4edebb4dad5", SIX)

    [process] = await read_processes(redis)

    assert process.queues == ["specimens"]
    assert (process.concurrency, process.busy) == (5, 1)
    assert process.is_quiet
    assert not process.is_embedded


@pytest.mark.parametrize(
    "payload",
    [
        r'"{\"retry\":true,\"class\":\"A\",\"args\":[1],\"jid\":\"a1\"}"',
        '{"retry":true,"class":"A","args":[1],"jid":"a1"}',
    ],
    ids=["text", "an object, as before 6.0.2"],
)
async def test_a_run_is_understood_however_its_job_is_told(
    redis: Redis, payload: str
) -> None:
    await show(redis, "vm:31416:0a84727fd372", EIGHT)
    work = f'{{"queue":"low","payload":{payload},"run_at":1795318252}}'
    await redis.raw("HSET", "vm:31416:0a84727fd372:work", "8d2", work)

    [running] = await read_running(redis)

    assert running.job is not None
    assert (running.job.jid, running.queue) == ("a1", "low")
    assert running.run_at == 1795318252
