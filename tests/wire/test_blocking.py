"""Commands that block, on connections of their own."""

import pytest
import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kiq_trio._wire.client import Redis
from tests.servers import RealServer
from tests.wire.clients import open_client, open_impostor, until

pytestmark = pytest.mark.server


async def _until_blocked(redis: Redis, number: int = 1) -> None:
    with trio.fail_after(5):
        # Another process' fact has no event to wait for.
        while (await redis.info("clients"))["blocked_clients"] != number:  # noqa: ASYNC110 - see above.
            await trio.sleep(0.002)


async def test_a_blocked_command_disturbs_nobody_and_is_woken(redis: Redis) -> None:
    replies = []

    async def wait() -> None:
        replies.append(await redis.block(("BLPOP", "q", 5), timeout=5))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await _until_blocked(redis)
        await redis.rpush("q", "x")

    assert replies == [[b"q", b"x"]]


async def test_a_blocked_command_times_out_on_the_server(redis: Redis) -> None:
    assert await redis.block(("BLPOP", "q", 0.01), timeout=0.01) is None
    assert await redis.blpop("q", timeout=0.01) is None


async def test_blocking_methods_of_redispy_take_the_same_way(redis: Redis) -> None:
    await redis.rpush("q", "a", "b", "c", "d", "e")
    await redis.zadd("z", {"m": 1})
    await redis.xadd("x", {"k": "v"})

    assert await redis.blpop("q", timeout=0) == [b"q", b"a"]
    assert await redis.brpop(["q"], timeout=0) == [b"q", b"e"]
    assert await redis.blmove("q", "p", 0) == b"b"
    assert await redis.blmpop(0, 1, "q", direction="LEFT") == [b"q", [b"c"]]
    assert await redis.bzpopmin("z") == [b"z", b"m", 1.0]
    assert await redis.xread({"x": 0}, block=10)
    assert await redis.xread({"x": 0})
    names = [client["name"] for client in await redis.client_list()]
    assert sorted(names) == ["kiq_trio", "kiq_trio-blocking"]


async def test_connections_are_used_again(redis: Redis) -> None:
    async def wait() -> None:
        await redis.block(("BLPOP", "q", 0.05), timeout=0.05)

    for _ in range(3):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            nursery.start_soon(wait)

    assert len(await redis.client_list()) == 3


@pytest.mark.parametrize("wait_until_blocked", [False, True])
async def test_a_cancelled_command_takes_no_element(
    redis: Redis, *, wait_until_blocked: bool
) -> None:
    await redis.block(("BLPOP", "q", 0.01), timeout=0.01)

    async def wait(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await redis.block(("BLPOP", "q", 0), timeout=60)

    async with trio.open_nursery() as nursery:
        await nursery.start(wait)
        if wait_until_blocked:
            await _until_blocked(redis)
        started_at = trio.current_time()
        nursery.cancel_scope.cancel()

    assert trio.current_time() - started_at < 0.5
    await redis.rpush("q", "x")
    assert await redis.lrange("q", 0, -1) == [b"x"]
    assert await redis.ping() is True


@pytest.mark.slow
async def test_an_element_is_in_redis_or_with_the_caller_whenever_it_is_cancelled(
    redis: Redis,
) -> None:
    got: list[bytes] = []

    async def wait() -> None:
        _, element = await redis.block(("BLPOP", "q", 0), timeout=60)
        got.append(element)

    for turn in range(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(0.0003 * (turn % 7))
            await redis.rpush("q", turn)
            await trio.sleep(0.0001 * (turn % 5))
            nursery.cancel_scope.cancel()

    left = await redis.lrange("q", 0, -1)
    assert sorted(map(int, got + left)) == list(range(60))
    assert got, "some came through"


WAIT_AND_SET = (("BLMOVE", "q", "q", "LEFT", "LEFT", 0), ("INCR", "n"))


async def test_what_follows_a_blocking_command_runs_when_that_is_over(
    redis: Redis,
) -> None:
    replies = []

    async def wait() -> None:
        replies.append(await redis.block_first(WAIT_AND_SET, timeout=60))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await _until_blocked(redis)
        assert await redis.get("n") is None
        await redis.rpush("q", "x")

    assert replies == [[b"x", 1]]


async def test_what_follows_a_cancelled_command_has_run_and_is_told(
    redis: Redis,
) -> None:
    replies = []

    async def wait() -> None:
        replies.append(await redis.block_first(WAIT_AND_SET, timeout=60))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await _until_blocked(redis)
        nursery.cancel_scope.cancel()

    assert replies == [[None, 1]]


@pytest.mark.slow
async def test_what_follows_has_run_or_not_and_never_is_heard_of_twice(
    redis: Redis,
) -> None:
    heard: list[int] = []

    async def wait() -> None:
        _, number = await redis.block_first(WAIT_AND_SET, timeout=60)
        heard.append(number)

    for turn in range(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(0.0003 * (turn % 7))
            if turn % 2:
                await redis.rpush("q", turn)
            await trio.sleep(0.0001 * (turn % 5))
            nursery.cancel_scope.cancel()
        await redis.delete("q")

    assert heard == list(range(1, int(await redis.get("n") or 0) + 1))
    assert heard, "some came through"


async def test_an_error_is_raised_and_the_client_goes_on(redis: Redis) -> None:
    await redis.set("q", 1)

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await redis.block(("BLPOP", "q", 1), timeout=1)
    with pytest.raises(ResponseError, match="wrong number"):
        await redis.execute_command("BLPOP")
    assert redis.generation == 1


async def test_a_killed_blocking_connection_is_an_error_and_replaced(
    redis: Redis, empty_server: RealServer
) -> None:
    errors = []

    async def wait() -> None:
        try:
            await redis.block(("BLPOP", "q", 0), timeout=60)
        except RedisConnectionError as error:
            errors.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await _until_blocked(redis)
        [blocked] = [
            client
            for client in await redis.client_list()
            if client["name"] == "kiq_trio-blocking"
        ]
        await redis.client_kill_filter(_id=blocked["id"])

    assert len(errors) == 1
    assert await redis.block(("BLPOP", "q", 0.01), timeout=0.01) is None
    assert redis.generation == 1


@pytest.mark.slow
async def test_a_server_that_blocks_for_too_long_is_declared_dead() -> None:
    def answer(command: list[bytes]) -> bytes | None:
        return None if command[0] == b"BLPOP" else b"+OK\r\n"

    async with (
        open_impostor(answer) as impostor,
        open_client(impostor.url, command_timeout=0.1) as redis,
    ):
        started_at = trio.current_time()
        with pytest.raises(RedisTimeoutError, match="no reply"):
            await redis.block(("BLPOP", "q", 0.2), timeout=0.2)

        assert 0.3 <= trio.current_time() - started_at < 0.6


@pytest.mark.slow
async def test_idle_blocking_connections_do_not_outlive_the_server(
    own_server: RealServer,
) -> None:
    async with open_client(own_server.url) as redis:
        await redis.block(("BLPOP", "q", 0.01), timeout=0.01)
        own_server.kill()
        await until(lambda: redis.state == "down")
        own_server.start()

        assert await redis.block(("BLPOP", "q", 0.01), timeout=0.01) is None
        assert len(await redis.client_list()) == 2
