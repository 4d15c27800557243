"""What the client does for callers while the server is well."""

import pytest
import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, NoScriptError, ResponseError

from kiq_trio._wire.client import Redis
from kiq_trio._wire.script import Script
from tests.servers import RealServer
from tests.wire.clients import open_client

pytestmark = pytest.mark.server

ECHO = Script("echo", "return ARGV[1]")


@pytest.mark.parametrize("query", ["", "&protocol=2"])
async def test_typed_commands_have_the_same_shapes_in_both_protocols(
    empty_server: RealServer, query: str
) -> None:
    async with open_client(empty_server.unix_url + query) as redis:
        assert await redis.set("a", "1") is True
        assert await redis.get("a") == b"1"
        assert await redis.get("nothing") is None
        assert await redis.hset("h", mapping={"x": 1, "y": 2.5}) == 2
        assert await redis.hgetall("h") == {b"x": b"1", b"y": b"2.5"}
        assert await redis.zadd("z", {"m": 1.5}) == 1
        assert await redis.zrange("z", 0, -1, withscores=True) == [[b"m", 1.5]]
        assert await redis.sadd("s", "m") == 1
        assert await redis.smembers("s") == {b"m"}
        assert (await redis.config_get("maxmemory-policy"))["maxmemory-policy"]
        assert (await redis.info("server"))["redis_version"] >= "7"
        assert [key async for key in redis.scan_iter("h*")] == [b"h"]


async def test_replies_are_text_on_request(empty_server: RealServer) -> None:
    async with open_client(empty_server.unix_url, decode=True) as redis:
        await redis.hset("h", mapping={"é": "è"})
        dumped = await redis.dump("h")

        assert await redis.hgetall("h") == {"é": "è"}
        assert isinstance(dumped, bytes)
        [reply] = await redis.send((("HGET", "h", "é"),))
        assert reply == "è".encode()


async def test_text_that_is_none_is_that_reply_s_error(
    empty_server: RealServer,
) -> None:
    async with open_client(empty_server.unix_url, decode=True) as redis:
        await redis.set("binary", b"\xff")

        with pytest.raises(UnicodeDecodeError):
            await redis.get("binary")
        assert await redis.ping() is True
        assert redis.generation == 1


async def test_send_returns_bytes_and_errors_as_values(redis: Redis) -> None:
    replies = await redis.send(
        [("SET", "a", 1), ("LPUSH", "a", "x"), ("GET", "a"), ("MGET", "a", "b")]
    )

    assert replies[0] == b"OK"
    assert isinstance(replies[1], ResponseError)
    assert replies[2:] == [b"1", [b"1", None]]
    assert await redis.send([]) == []


async def test_raw_and_typed_commands_raise_what_redis_answers(redis: Redis) -> None:
    await redis.set("a", 1)

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await redis.raw("LPUSH", "a", 1)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await redis.lpush("a", 1)


async def test_an_argument_of_the_wrong_kind_is_refused_and_nothing_is_sent(
    redis: Redis,
) -> None:
    with pytest.raises(DataError, match="SET"):
        await redis.send([("SET", "a", 1), ("SET", "b", None)])  # type: ignore[list-item]

    assert await redis.exists("a") == 0


async def test_huge_values_go_both_ways(redis: Redis) -> None:
    value = b"x" * 20_000_000

    with trio.fail_after(30):
        assert await redis.set("big", value)
        assert await redis.get("big") == value
        replies = await redis.send([("PING",)] * 50_000)
    assert replies == [b"PONG"] * 50_000


async def test_fifty_tasks_share_one_connection_and_each_gets_its_own(
    redis: Redis, empty_server: RealServer
) -> None:
    wrong: list[int] = []

    async def ask(number: int) -> None:
        for turn in range(20):
            token = f"{number}.{turn}".encode()
            if await redis.raw("ECHO", token) != token:
                wrong.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(ask, number)

    assert wrong == []
    with empty_server.client() as other:
        names = [each["name"] for each in other.client_list()]
    assert names.count("kiq_trio") == 1


async def test_what_is_asked_in_one_tick_travels_in_one_write(redis: Redis) -> None:
    async def count() -> int:
        return int((await redis.info("stats"))["total_reads_processed"])

    before = await count()
    async with trio.open_nursery() as nursery:
        for _ in range(200):
            nursery.start_soon(redis.ping)
    # The first goes alone; one more read each for the others and for `count`.
    assert await count() - before <= 4


async def test_a_task_that_is_already_cancelled_sends_nothing(redis: Redis) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await redis.incr("n")

    assert await redis.get("n") is None


async def test_a_forgotten_script_is_sent_as_text_unnoticed(
    empty_server: RealServer,
) -> None:
    async with open_client(empty_server.unix_url, scripts=[ECHO]) as redis:
        assert await redis.script_exists(ECHO.sha) == [True]
        await redis.script_flush()

        replies = await redis.send(
            [("SET", "a", 1), ECHO((), ("x",)), ("GET", "a"), ECHO((), ("y",))]
        )

        assert replies == [b"OK", b"x", b"1", b"y"]
        assert await redis.script_exists(ECHO.sha) == [True]


async def test_a_script_made_known_later_runs_too(redis: Redis) -> None:
    double = redis.script("double", "return ARGV[1] * 2")

    assert await redis.raw(*double((), (21,))) == 42
    with pytest.raises(NoScriptError):
        await redis.raw("EVALSHA", "0" * 40, 0)
    with pytest.raises(NotImplementedError, match=r"Redis\.script"):
        redis.register_script("return 1")


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        (("MULTI",), "transaction=True"),
        (("watch", "a"), "compare and set"),
        (("SELECT", 1), "URL"),
        (("AUTH", "x"), "URL"),
        (("SUBSCRIBE", "x"), "client of your own"),
        (("MONITOR",), "client of your own"),
        (("WAIT", 1, 0), "min-replicas-to-write"),
        (("CLIENT REPLY", "OFF"), "for everybody"),
        (("CLIENT", "reply", "OFF"), "for everybody"),
        ((b"RESET",), "for everybody"),
    ],
)
async def test_what_would_disturb_others_is_refused(
    redis: Redis, command: tuple[object, ...], instead: str
) -> None:
    with pytest.raises(DataError, match=instead):
        await redis.execute_command(*command)


@pytest.mark.parametrize(
    "error", [ValueError("mine"), ExceptionGroup("g", [OSError()])]
)
async def test_what_the_block_raises_comes_out_as_itself(
    empty_server: RealServer, error: Exception
) -> None:
    async def fail() -> None:
        async with open_client(empty_server.unix_url) as redis:
            await redis.ping()
            raise error

    with pytest.raises(type(error)) as caught:
        await fail()

    assert caught.value is error


async def test_the_block_can_be_cancelled_from_outside(
    empty_server: RealServer,
) -> None:
    with trio.move_on_after(0.05) as scope:
        async with open_client(empty_server.unix_url):
            await trio.sleep_forever()

    assert scope.cancelled_caught


async def test_a_closed_client_says_so(empty_server: RealServer) -> None:
    async with open_client(empty_server.unix_url) as redis:
        await redis.ping()

    assert redis.state == "closed"
    with pytest.raises(RedisConnectionError, match="closed"):
        await redis.ping()
    with pytest.raises(RedisConnectionError, match="closed"):
        await redis.wait_up()


async def test_the_state_is_told(empty_server: RealServer) -> None:
    async with open_client(empty_server.unix_url) as redis:
        assert (redis.state, redis.generation) == ("connecting", 0)
        await redis.wait_up()
        assert (redis.state, redis.generation) == ("up", 1)
