"""What Sidekiqs of several ages show of themselves is understood."""

from collections.abc import AsyncIterator

import pytest

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._store.watching import read_processes, read_running
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryServer

EIGHT = {
    "info": '{"hostname":"vm","started_at":1795318252.5606086,"pid":31416,'
    '"tag":"mytag","capsules":{"default":{"concurrency":5,"mode":"weighted",'
    '"weights":{"default":2,"low":0}},"single":{"concurrency":1,"mode":"strict",'
    '"weights":{"single":0}}},"queues":["default","low","single"],'
    '"weights":[{"default":2,"low":0},{"single":0}],"labels":["reliable"],'
    '"identity":"vm:31416:0a84727fd372","version":"8.1.7","embedded":false}',
    "concurrency": "6",
    "busy": "2",
    "beat": "1795318282.5891955",
    "rtt_us": "74",
    "quiet": "false",
    "rss": "27936",
}
"""8.1.7 (wire.md §4.3)."""

SIX = {
    "rss": "31440",
    "busy": "1",
    "info": '{"hostname":"vm","started_at":1795649172.4001796,"pid":12078,"tag":"",'
    '"concurrency":5,"queues":["specimens"],"labels":[],'
    '"identity":"vm:12078:f4edebb4dad5"}',
    "quiet": "true",
    "beat": "1795649177.409015",
    "rtt_us": "83",
}
"""6.4.1, as the tests of tests/interop have met it."""


@pytest.fixture
async def redis(clock: TrioClock) -> AsyncIterator[Redis]:
    async with open_redis(MemoryServer(clock), scripts=SCRIPTS) as redis:
        yield redis


async def show(redis: Redis, identity: str, fields: dict[str, str]) -> None:
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
