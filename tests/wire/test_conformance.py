"""What holds whichever server is behind the seam."""

import pytest
import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, ResponseError

from kiq_trio._wire.client import open_redis
from kiq_trio._wire.script import Script
from kiq_trio._wire.seam import Server

ECHO = Script("echo", "return ARGV[1]")


async def test_commands_scripts_pipelines_and_errors(server: Server) -> None:
    async with open_redis(server, scripts=[ECHO]) as redis:
        await redis.wait_up()
        assert (redis.state, redis.generation) == ("up", 1)
        replies = await redis.send(
            [("SET", "a", 1), ECHO((), ["x"]), ("LPUSH", "a", 1), ("GET", "a")]
        )
        assert [*replies[:2], replies[3]] == [b"OK", b"x", b"1"]
        assert isinstance(replies[2], ResponseError)
        assert await redis.hset("h", mapping={"k": "v"}) == 1
        assert await redis.hgetall("h") == {b"k": b"v"}
        async with redis.pipeline(transaction=True) as pipeline:
            value, echo = pipeline.get("a"), pipeline.run(ECHO, [], ["y"])
        assert (await value, await echo) == (b"1", b"y")
        with pytest.raises(DataError):
            await redis.raw("SET", "a", None)


async def test_a_flushed_script_runs_all_the_same(server: Server) -> None:
    async with open_redis(server, scripts=[ECHO]) as redis:
        await redis.script_flush()
        assert await redis.raw(*ECHO((), ["x"])) == b"x"


async def test_a_cancelled_task_sends_nothing(server: Server) -> None:
    async with open_redis(server) as redis:
        await redis.wait_up()
        with trio.CancelScope() as scope:
            scope.cancel()
            await redis.raw("SET", "a", 1)
        assert await redis.raw("EXISTS", "a") == 0


async def test_a_blocked_command_is_woken_times_out_or_is_cancelled(
    server: Server,
) -> None:
    async with open_redis(server) as redis:
        replies = []

        async def wait() -> None:
            command = ("BLMOVE", "q", "q", "RIGHT", "RIGHT", 5)
            replies.append(await redis.block(command, timeout=5))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(0.02)
            await redis.rpush("q", "x")
        assert replies == [b"x"]
        await redis.delete("q")

        assert await redis.block(("BLPOP", "q", 0.02), timeout=0.02) is None

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(0.02)
            nursery.cancel_scope.cancel()
        await redis.rpush("q", "y")
        assert await redis.lrange("q", 0, -1) == [b"y"]
        assert replies == [b"x"]


async def test_the_client_is_closed_with_its_block(server: Server) -> None:
    async with open_redis(server) as redis:
        await redis.ping()

    with pytest.raises(RedisConnectionError, match="closed"):
        await redis.ping()
