"""A line that is slow but moves is not given up; one that hardly moves is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from redis.exceptions import TimeoutError as RedisTimeoutError
from trio.testing import MockClock

from kiq_trio._background import open_service_nursery
from kiq_trio._wire.mux import SocketConnection
from kiq_trio._wire.signs import STEP

COMMAND_TIMEOUT = 1.0
STEPS = 100
COMMAND = ("SET", "key", bytes(STEPS * STEP))


class Line:
    """A transport that a test can slow down, and answer on.

    Attributes:
        send: waits as long as some bytes take.
        reply: what the server says at last.
    """

    def __init__(self, send: Callable[[], Awaitable[None]]) -> None:
        self.send = send
        self.taken = 0
        self.reply, self._reply = trio.open_memory_channel[bytes](1)

    def send_nowait(self, data: bytes) -> int:
        return 0

    async def send_all(self, data: bytes) -> None:
        await self.send()
        self.taken += len(data)

    async def receive(self) -> bytes:
        return await self._reply.receive()

    async def aclose(self) -> None:
        pass


@asynccontextmanager
async def connected(line: Line) -> AsyncIterator[SocketConnection]:
    connection = SocketConnection(line, command_timeout=COMMAND_TIMEOUT)
    async with open_service_nursery() as nursery:
        nursery.start_soon(connection.run)
        yield connection


async def at_a_third_of_the_pace_that_is_asked() -> None:
    await trio.sleep(COMMAND_TIMEOUT / 3)


async def at_once() -> None:
    pass


async def test_a_write_may_take_longer_than_a_reply(autojump_clock: MockClock) -> None:
    line = Line(at_a_third_of_the_pace_that_is_asked)
    async with connected(line) as connection:
        slot = connection.submit([COMMAND])
        await trio.sleep(STEPS * COMMAND_TIMEOUT / 3 + COMMAND_TIMEOUT / 2)
        assert line.taken > STEPS * STEP
        await line.reply.send(b"+OK\r\n")

        assert await slot.wait() == [b"OK"]


async def test_after_a_long_write_the_reply_has_its_time_and_no_more(
    autojump_clock: MockClock,
) -> None:
    line = Line(at_a_third_of_the_pace_that_is_asked)
    async with connected(line) as connection:
        slot = connection.submit([COMMAND])

        with pytest.raises(RedisTimeoutError, match="no reply for 1 s"):
            await slot.wait()

    written = (STEPS + 1) * COMMAND_TIMEOUT / 3
    assert written <= trio.current_time() <= written + 1.5 * COMMAND_TIMEOUT


async def test_a_line_on_which_nothing_moves_is_dead(autojump_clock: MockClock) -> None:
    async with connected(Line(trio.sleep_forever)) as connection:
        slot = connection.submit([COMMAND])

        with pytest.raises(RedisTimeoutError, match="no reply for 1 s"):
            await slot.wait()

    assert trio.current_time() == COMMAND_TIMEOUT


async def test_what_the_system_takes_at_once_is_no_sign_of_life(
    autojump_clock: MockClock,
) -> None:
    async with connected(Line(at_once)) as connection:
        with trio.move_on_after(60) as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write_for_ever, connection)
                await connection.wait_closed()
                nursery.cancel_scope.cancel()

    assert not scope.cancelled_caught
    assert trio.current_time() <= 1.5 * COMMAND_TIMEOUT


async def test_a_long_reply_may_take_its_time_if_it_comes_in_steps(
    autojump_clock: MockClock,
) -> None:
    line = Line(at_once)
    async with connected(line) as connection:
        slot = connection.submit([("GET", "key")])
        await line.reply.send(b"$%d\r\n" % (10 * STEP))
        for _ in range(20):
            await trio.sleep(COMMAND_TIMEOUT / 3)
            await line.reply.send(bytes(STEP // 2))
        await line.reply.send(b"\r\n")

        assert await slot.wait() == [bytes(10 * STEP)]


async def test_a_reply_that_trickles_is_as_good_as_none(
    autojump_clock: MockClock,
) -> None:
    line = Line(at_once)
    async with connected(line) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(trickle, line)
        await trio.sleep(COMMAND_TIMEOUT)
        slot = connection.submit([("GET", "key")])
        asked_at = trio.current_time()
        with pytest.raises(RedisTimeoutError, match="no reply for 1 s"):
            await slot.wait()
        nursery.cancel_scope.cancel()

    assert trio.current_time() - asked_at <= 1.5 * COMMAND_TIMEOUT


async def trickle(line: Line) -> None:
    await trio.sleep(COMMAND_TIMEOUT)
    await line.reply.send(b"$1000000\r\n")
    while True:
        await trio.sleep(COMMAND_TIMEOUT / 10)
        await line.reply.send(b"x")


async def test_many_replies_one_after_the_other_are_signs_of_life(
    autojump_clock: MockClock,
) -> None:
    line = Line(at_once)
    async with connected(line) as connection:
        slot = connection.submit([("PING",)] * 20)
        for _ in range(20):
            await trio.sleep(COMMAND_TIMEOUT / 2)
            await line.reply.send(b"+PONG\r\n")

        assert await slot.wait() == [b"PONG"] * 20


async def write_for_ever(connection: SocketConnection) -> None:
    while True:
        connection.submit([("SET", "key", bytes(3 * STEP))])
        await trio.sleep(COMMAND_TIMEOUT / 10)
