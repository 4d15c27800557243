"""What the client does when the server or the line to it is not well."""

import logging
from collections.abc import Iterator

import pytest
import trio
from redis.exceptions import AuthenticationError, ReadOnlyError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from trio.testing import MockClock

from kiq_trio._wire.backoff import backoff
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.script import Script
from kiq_trio.errors import ServerUnfitError
from tests.servers import RealServer
from tests.unkind import UnkindServer
from tests.wire.clients import HELLO, open_client, open_impostor, until

ECHO = Script("echo", "return ARGV[1]")


@pytest.fixture(autouse=True)
def _listen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.redis")


def _levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in caplog.records]


@pytest.mark.server
async def test_a_killed_connection_is_replaced(
    redis: Redis, empty_server: RealServer, caplog: pytest.LogCaptureFixture
) -> None:
    errors = 0

    async def ask() -> None:
        nonlocal errors
        try:
            # `raw` does not keep us from blocking everybody.
            await redis.raw("BLPOP", "nothing", 0)
        except RedisConnectionError:
            errors += 1

    with empty_server.client() as other:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            other.client_kill_filter(_type="normal", skipme=True)

    assert errors == 10, "what was written is not sent again"
    assert await redis.ping() is True
    assert redis.generation == 2
    assert _levels(caplog) == ["WARNING", "INFO"]
    assert str(empty_server.path) in caplog.text


@pytest.mark.server
@pytest.mark.slow
async def test_commands_wait_for_a_server_that_was_killed(
    own_server: RealServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_client(own_server.unix_url, scripts=[ECHO]) as redis:
        await redis.wait_up()
        own_server.kill()
        await until(lambda: redis.state == "down")
        replies = []

        async def ask() -> None:
            replies.append(await redis.raw(*ECHO((), ("x",))))

        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(ask)
                await trio.sleep(0.3)
                assert replies == []
                own_server.start()

        assert replies == [b"x"] * 20
        assert await redis.script_exists(ECHO.sha) == [True]
    assert _levels(caplog) == ["WARNING", "INFO"]


@pytest.mark.server
@pytest.mark.slow
async def test_a_server_that_hangs_is_noticed_and_found_again(
    own_server: RealServer,
) -> None:
    async with open_client(own_server.url, command_timeout=0.2) as redis:
        await redis.wait_up()
        own_server.pause()
        started_at = trio.current_time()
        with pytest.raises(RedisTimeoutError, match=r"no reply for 0\.2 s"):
            await redis.ping()
        took = trio.current_time() - started_at
        own_server.resume()

        assert 0.2 <= took < 6
        with trio.fail_after(5):
            assert await redis.ping() is True


@pytest.mark.server
@pytest.mark.slow
async def test_an_idle_line_to_a_server_that_hangs_is_given_up(
    own_server: RealServer,
) -> None:
    async with open_client(own_server.url, command_timeout=0.1) as redis:
        await redis.wait_up()
        own_server.pause()
        await until(lambda: redis.state == "down")
        own_server.resume()
        await until(lambda: redis.state == "up")


@pytest.mark.server
async def test_a_primary_that_becomes_a_replica_is_left(own_server: RealServer) -> None:
    async with open_client(own_server.url) as redis:
        await redis.wait_up()
        with own_server.client() as other:
            other.replicaof("127.0.0.1", "1")
            with pytest.raises(ReadOnlyError):
                await redis.set("a", 1)
            await until(lambda: redis.state == "down")
            other.replicaof("NO", "ONE")
        with trio.fail_after(5):
            assert await redis.set("a", 1) is True
        assert redis.generation == 2


@pytest.mark.server
@pytest.mark.slow
async def test_an_idle_line_to_a_replica_is_left(own_server: RealServer) -> None:
    async with open_client(own_server.url, command_timeout=0.2) as redis:
        await redis.wait_up()
        with own_server.client() as other:
            other.replicaof("127.0.0.1", "1")
            await until(lambda: redis.state == "down")


async def test_commands_wait_for_a_server_that_is_not_there_yet(
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = UnkindServer(TrioClock(1_800_000_000.0))
    server.go_away()
    async with open_redis(server, random=lambda: 0.5) as redis:
        with trio.move_on_after(60) as scope:
            await redis.ping()
        assert scope.cancelled_caught
        assert redis.state == "down"
        server.come_back()
        assert await redis.ping() is True

    gone, there = [record.getMessage() for record in caplog.records]
    assert "cannot be reached, trying again" in gone
    assert "is there after 60." in there


async def test_a_reply_in_two_parts_is_text_throughout() -> None:
    async with (
        open_impostor(lambda _: None) as impostor,
        open_client(impostor.url) as redis,
    ):
        replies = []

        async def ask() -> None:
            replies.extend(await redis.send((("A",),), decode=True))

        async def ask_for_bytes() -> None:
            replies.extend(await redis.send((("B",),)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await until(lambda: impostor.heard)
            nursery.start_soon(ask_for_bytes)
            await until(lambda: len(impostor.heard) == 2)
            for part in (
                b"*3\r\n$1\r\na\r\n$1",
                b"\r\nb\r\n",
                b"$1\r\nc\r\n$1\r\n",
            ):
                await impostor.say(part)
                await trio.testing.wait_all_tasks_blocked(0.01)
            await impostor.say(b"d\r\n")

        assert replies == [["a", "b", "c"], b"d"]


async def test_pushes_are_dropped() -> None:
    async with (
        open_impostor(lambda _: b">2\r\n+a\r\n+b\r\n+OK\r\n") as impostor,
        open_client(impostor.url) as redis,
    ):
        assert await redis.send([("A",), ("B",)]) == [b"OK", b"OK"]
        await impostor.say(b">2\r\n+a\r\n+b\r\n")
        assert await redis.raw("C") == b"OK"
        assert redis.generation == 1


@pytest.mark.parametrize("nonsense", [b"?what\r\n", b"+nobody asked\r\n"])
async def test_nonsense_ends_the_connection(nonsense: bytes) -> None:
    async with open_impostor() as impostor, open_client(impostor.url) as redis:
        await redis.wait_up()
        await impostor.say(nonsense)
        await until(lambda: redis.generation == 2)
        assert await redis.raw("A") == b"OK"


async def test_what_was_never_written_is_sent_on_the_next_connection() -> None:
    async with (
        open_impostor(lambda _: None) as impostor,
        open_client(impostor.url) as redis,
    ):
        await redis.wait_up()
        outcomes: list[object] = []

        async def ask(name: str) -> None:
            try:
                outcomes.append(await redis.raw(name))
            except RedisConnectionError:
                outcomes.append("lost")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "WRITTEN")
            await until(lambda: impostor.heard)
            # Now a reply is owed, so the next one goes through the outbox, and
            # the line dies in the same tick.
            connection = redis._supervisor.connection
            assert connection is not None
            impostor.answer = lambda _: b"+OK\r\n"
            nursery.start_soon(ask, "NEVER")
            nursery.start_soon(_abort_soon, connection)

        assert outcomes == ["lost", b"OK"]
        assert impostor.heard == [[b"WRITTEN"], [b"NEVER"]]


async def _abort_soon(connection: object) -> None:
    connection.abort(RedisConnectionError("by the test"))  # type: ignore[attr-defined]


async def test_a_dead_connection_costs_no_more_than_the_back_off() -> None:
    async with (
        open_impostor() as impostor,
        open_client(impostor.url, random=lambda: 0.0) as redis,
    ):
        await redis.wait_up()
        await impostor.hang_up()
        started_at = trio.current_time()
        await until(lambda: redis.generation == 2)

        assert trio.current_time() - started_at < 0.5


async def test_a_server_without_hello_is_spoken_to_in_resp2() -> None:
    replies: Iterator[bytes] = iter(
        [
            b"+OK\r\n",
            b":9\r\n",
            b"$35\r\nredis_version:7.2.4\r\nredis_mode:x\r\n\r\n",
            b"$13\r\nrole:master\r\n\r\n",
            b"+PONG\r\n",
        ]
    )
    async with open_impostor(lambda _: next(replies)) as impostor:
        impostor.hello = b"-ERR unknown command 'HELLO', with args beginning with:\r\n"
        async with open_client(impostor.url) as redis:
            assert await redis.ping() is True
            connection = redis._supervisor.connection
            assert connection is not None
            assert (connection.protocol, connection.client_id) == (2, 9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"+7.4.0", b"+6.2.1", "must be 7 or newer, got 6.2.1"),
        (b"+7.4.0", b"+unstable", "got unstable"),
        (b"+standalone", b"+cluster", "Cluster cannot be used"),
        (b"+standalone", b"+sentinel", "redis.sentinel://"),
    ],
)
async def test_an_unfit_server_is_final(old: bytes, new: bytes, message: str) -> None:
    async def use(url: str) -> None:
        async with open_client(url) as redis:
            await redis.ping()

    async with open_impostor() as impostor:
        impostor.hello = HELLO.replace(old, new)
        with pytest.raises(ServerUnfitError, match=message):
            await use(impostor.url)


async def test_a_wrong_password_is_final_only_on_the_first_attempt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def use(url: str) -> None:
        async with open_client(url) as redis:
            await redis.ping()

    async with (
        open_impostor() as impostor,
        open_client(impostor.url, random=lambda: 0.01) as redis,
    ):
        await redis.wait_up()
        impostor.hello = b"-WRONGPASS invalid username-password pair\r\n"
        with pytest.raises(AuthenticationError, match="invalid username"):
            await use(impostor.url)
        await impostor.hang_up()
        await until(lambda: impostor.greeted >= 5)
        impostor.hello = HELLO
        assert await redis.raw("PING") == b"OK"
    assert _levels(caplog) == ["WARNING", "INFO"]


async def test_a_replica_is_asked_again_until_it_is_the_primary() -> None:
    async with open_impostor() as impostor:
        impostor.hello = HELLO.replace(b"+master", b"+replica")
        async with open_client(impostor.url, random=lambda: 0.01) as redis:
            await until(lambda: impostor.greeted >= 3)
            impostor.hello = HELLO
            assert await redis.raw("PING") == b"OK"


async def test_what_is_no_redis_is_tried_again() -> None:
    async with open_impostor() as impostor:
        impostor.hello = b"+OK\r\n"
        async with open_client(impostor.url, random=lambda: 0.01) as redis:
            await until(lambda: impostor.greeted >= 2)
            impostor.hello = HELLO
            assert await redis.raw("PING") == b"OK"


async def test_a_server_that_never_greets_is_given_up_and_tried_again() -> None:
    async with open_impostor() as impostor:
        impostor.hello = b""
        async with open_client(
            impostor.url, command_timeout=0.05, random=lambda: 0.01
        ) as redis:
            await until(lambda: impostor.greeted >= 2)
            impostor.hello = HELLO
            assert await redis.raw("PING") == b"OK"


def test_the_back_off_is_jittered_and_bounded() -> None:
    assert backoff(0, lambda: 1.0) == 0.05
    assert backoff(3, lambda: 0.5) == 0.2
    assert backoff(10_000, lambda: 1.0) == 0.75
    assert backoff(5, lambda: 0.0) == 0.0
