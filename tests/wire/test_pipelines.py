"""Explicit pipelines: queued here, sent together, answered one by one."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, ExecAbortError, ResponseError

from kiq_trio._wire.client import Redis
from kiq_trio._wire.script import Script
from tests.servers import RealServer
from tests.wire.clients import open_client, open_impostor

pytestmark = pytest.mark.server

ADD = Script("add", "return redis.call('incrby', KEYS[1], ARGV[1])")


@pytest.mark.parametrize("transaction", [False, True])
@pytest.mark.parametrize("query", ["", "&protocol=2"])
async def test_each_queued_command_returns_its_reply(
    empty_server: RealServer, query: str, *, transaction: bool
) -> None:
    async with open_client(empty_server.unix_url + query) as redis:
        pipeline = redis.pipeline(transaction=transaction)
        was_set = pipeline.set("a", 1)
        pipeline.hset("h", mapping={"x": 1})
        value, fields = pipeline.get("a"), pipeline.hgetall("h")

        results = await pipeline.execute()

        assert results == [True, 1, b"1", {b"x": b"1"}]
        assert await was_set is True
        assert await value == b"1"
        assert await fields == {b"x": b"1"}
        assert await pipeline.execute() == []


async def test_nothing_is_sent_before_the_end_of_the_block(redis: Redis) -> None:
    async with redis.pipeline() as pipeline:
        reply = pipeline.incr("n")
        assert len(pipeline) == 1
        assert await redis.get("n") is None
        with pytest.raises(RuntimeError, match="INCRBY: await the pipeline's execute"):
            await reply

    assert await reply == 1


async def test_a_block_that_fails_sends_nothing(redis: Redis) -> None:
    async def fail() -> None:
        async with redis.pipeline() as pipeline:
            pipeline.incr("n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await redis.get("n") is None


async def test_one_error_does_not_stop_the_others(redis: Redis) -> None:
    pipeline = redis.pipeline()
    pipeline.set("a", 1)
    guilty = pipeline.lpush("a", 1)
    after = pipeline.get("a")

    results = await pipeline.execute(raise_on_error=False)

    assert isinstance(results[1], ResponseError)
    assert await after == b"1"
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await guilty


async def test_the_first_error_is_raised(redis: Redis) -> None:
    pipeline = redis.pipeline(transaction=True)
    pipeline.set("a", 1)
    pipeline.lpush("a", 1)
    after = pipeline.get("a")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await pipeline.execute()
    assert await after == b"1"


async def test_a_transaction_that_cannot_be_queued_does_nothing(redis: Redis) -> None:
    pipeline = redis.pipeline(transaction=True)
    innocent = pipeline.set("a", 1)
    pipeline.execute_command("NONSENSE")

    with pytest.raises(ResponseError, match="unknown command"):
        await pipeline.execute()
    with pytest.raises(ExecAbortError):
        await innocent
    assert await redis.get("a") is None


async def test_a_transaction_loads_its_scripts_before_it_begins(
    empty_server: RealServer,
) -> None:
    async with open_client(empty_server.unix_url, scripts=[ADD]) as redis:
        await redis.script_flush()
        pipeline = redis.pipeline(transaction=True)
        pipeline.set("n", 1)
        pipeline.run(ADD, ["n"], [2])
        pipeline.run(ADD, ["n"], [3])

        assert await pipeline.execute() == [True, 3, 6]


async def test_what_blocks_or_disturbs_cannot_be_queued(redis: Redis) -> None:
    pipeline = redis.pipeline()

    with pytest.raises(DataError, match="BLPOP cannot be used in a pipeline"):
        pipeline.blpop("a", timeout=1)
    with pytest.raises(DataError, match="pipeline"):
        pipeline.execute_command("MULTI")


async def test_a_lost_connection_is_every_reply_s_error() -> None:
    async with (
        open_impostor(lambda _: None) as impostor,
        open_client(impostor.url, command_timeout=0.05) as redis,
    ):
        pipeline = redis.pipeline()
        reply = pipeline.get("a")
        impostor.answer = lambda _: b"?"

        with pytest.raises(RedisConnectionError, match="not understood"):
            await pipeline.execute()
        with pytest.raises(RedisConnectionError):
            await reply
