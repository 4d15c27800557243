"""What Redis does not store is told to whoever waits, or waits itself."""

import logging
from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._pipeline.entry import Entry
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command
from kiq_trio.errors import BufferFull, QueueFull
from kiq_trio.unique import Lock
from tests.pipeline.buffers import entries, entry, held, running_buffer, stored
from tests.unkind import Fate, UnkindServer, touches


def unique(number: int, queue: str | None = "q") -> Entry:
    made = entry(number, queue)
    made.lock = Lock("token", made.jid, 60)
    return made


async def make_room(redis: Redis, count: int = 1) -> None:
    for _ in range(count):
        await redis.raw("RPOP", "queue:q")


async def test_a_duplicate_is_told_whom_it_duplicates(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.buffer")
    first, second, third = unique(1), unique(2), unique(3, None)
    async with running_buffer(redis) as buffer:
        await buffer.put([first, second])
        await buffer.put([third])

        assert await stored(redis) == [1]
    owners = [one.duplicate_of for one in (first, second, third)]
    assert owners == [None, "1", "1"]
    assert "job 2 is a duplicate of 1" in caplog.messages


async def test_a_full_queue_lets_jobs_in_as_it_empties_in_their_order(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with (
        running_buffer(redis, max_sizes={"q": 2}) as buffer,
        trio.open_nursery() as nursery,
    ):
        buffer.put_nowait(entries(range(5)))
        flushed = trio.Event()

        async def flush() -> None:
            await buffer.flush()
            flushed.set()

        nursery.start_soon(flush)
        await trio.sleep(10)
        assert await stored(redis) == [0, 1]
        assert held(buffer) == ["2", "3", "4"]

        await make_room(redis)
        await trio.sleep(10)
        assert await stored(redis) == [1, 2]
        assert not flushed.is_set()

        await make_room(redis, 2)
        await trio.sleep(10)
        assert await stored(redis) == [3, 4]
        assert flushed.is_set()


async def test_a_full_queue_is_told_of_once_and_holds_up_no_other(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.buffer")
    async with running_buffer(redis, max_sizes={"q": 1}) as buffer:
        buffer.put_nowait(entries(range(2)))
        await trio.sleep(100)
        await buffer.put([entry(7, "other")])
        assert await stored(redis, "other") == [7]

        await make_room(redis)
        await trio.sleep(10)

    assert caplog.messages == [
        "jobs for client:queue:q wait in memory: the queue 'q' already holds 1 jobs",
        "jobs flow to client:queue:q again",
    ]


async def test_who_may_not_wait_is_told_that_the_queue_is_full(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis, max_sizes={"q": 2}) as buffer:
        many = entries(range(4))
        for one in many:
            one.may_wait = False

        with pytest.raises(QueueFull, match="'q' already holds 2 jobs"):
            await buffer.put(many)

        assert await stored(redis) == [0, 1]
        assert buffer.size == 0


async def test_who_waits_for_a_full_queue_can_be_cancelled_and_is_withdrawn(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis, max_sizes={"q": 1}) as buffer:
        await buffer.put([entry(1)])

        with trio.move_on_after(5) as scope:
            await buffer.put([entry(2)])

        assert scope.cancelled_caught
        assert buffer.size == 0
        await make_room(redis)
        await trio.sleep(10)
        assert await stored(redis) == []


async def test_a_duplicate_needs_no_room(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis, max_sizes={"q": 1}) as buffer:
        await buffer.put([unique(1)])
        second = unique(2)

        await buffer.put([second])

        assert second.duplicate_of == "1"


async def test_two_jobs_of_one_name_are_told_apart(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis, max_sizes={"q": 1}) as buffer:
        buffer.put_nowait([entry(1), entry(1)])
        await trio.sleep(10)

        assert await stored(redis) == [1]
        assert held(buffer) == ["1"]


async def test_a_lost_verdict_is_asked_for_again(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    second, lost = unique(2), 0

    def lose_the_first_reply(commands: Sequence[Command]) -> Fate:
        nonlocal lost
        is_batch = any(touches(command, "queue:q") for command in commands)
        lost += is_batch
        return "reply lost" if is_batch and lost == 1 else "delivered"

    async with running_buffer(redis) as buffer:
        await buffer.put([unique(1)])
        unkind.fate = lose_the_first_reply

        await buffer.put([second, entry(4)])

    assert lost == 2
    assert second.duplicate_of == "1"
    assert await stored(redis) == [1, 4]


async def test_a_full_buffer_tells_those_who_may_not_wait(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.delay = 1.0
    async with (
        running_buffer(redis, limit=1, may_wait=False) as buffer,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(buffer.put, [entry(1)])
        await wait_all_tasks_blocked()

        with pytest.raises(BufferFull):
            await buffer.put([entry(2)])


async def test_what_waits_for_a_full_queue_takes_room_from_no_other(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with (
        running_buffer(redis, limit=5, max_sizes={"q": 1}) as buffer,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(buffer.put, entries(range(6)))
        # They find no room yet: nobody knows that the queue is full.
        nursery.start_soon(buffer.put, [entry(7, "other")])
        await trio.sleep(10)
        buffer.put_nowait([entry(8, "other")])
        with pytest.raises(BufferFull):
            buffer.put_nowait([entry(9)])
        await buffer.put([entry(10, None)])

        assert await stored(redis, "other") == [7, 8]
        assert len(buffer.unsent()) == 5
        nursery.cancel_scope.cancel()


async def test_what_waits_for_a_refused_queue_takes_room_from_no_other(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await redis.raw("SET", "queue:q", "no list")
    async with running_buffer(redis, limit=5) as buffer:
        buffer.put_nowait(entries(range(5)))
        await trio.sleep(10)

        await buffer.put([entry(7, "other")])

        assert await stored(redis, "other") == [7]
