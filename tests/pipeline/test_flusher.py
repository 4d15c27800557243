"""A caller who is alone flushes himself, and can be cancelled all the same."""

from collections.abc import Sequence

import pytest
import trio
from redis.exceptions import ResponseError
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._pipeline.buffer import Buffer
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command
from kiq_trio.errors import NotRunningError
from tests.pipeline.buffers import FLUSH_INTERVAL, entries, entry, held, stored
from tests.pipeline.buffers import running_buffer as open_buffer
from tests.unkind import Fate, UnkindServer, touches


def batches(unkind: UnkindServer) -> list[Command]:
    return [command for command in unkind.asked if touches(command, "queue:q")]


async def test_a_caller_who_is_alone_needs_no_other_task(
    autojump_clock: MockClock, redis: Redis
) -> None:
    buffer = Buffer(redis, "client", 10, FLUSH_INTERVAL, lambda: 0.5)

    # Nobody runs it.
    with trio.fail_after(1):
        await buffer.put([entry(1)])

    assert await stored(redis) == [1]


async def test_what_a_cancelled_caller_has_sent_is_sent_again_and_stored_once(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.delay = 10.0
    async with open_buffer(redis) as buffer:
        buffer.put_nowait(entries([1, 2]))
        with trio.move_on_after(5) as scope:
            await buffer.put([entry(3)])
        assert scope.cancelled_caught
        unkind.delay = 0.0
        await wait_all_tasks_blocked()

        [first, second] = batches(unkind)
        assert first == second
        assert held(buffer) == []
        assert await stored(redis) == [1, 2, 3]


async def test_a_caller_who_is_cancelled_harms_nobody_who_came_meanwhile(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.delay = 10.0

    async def lead() -> None:
        with trio.move_on_after(5):
            await buffer.put([entry(1)])

    async with open_buffer(redis) as buffer, trio.open_nursery() as nursery:
        nursery.start_soon(lead)
        await wait_all_tasks_blocked()
        for n in range(2, 5):
            nursery.start_soon(buffer.put, [entry(n)])
            await wait_all_tasks_blocked()

    unkind.delay = 0.0
    assert await stored(redis) == [1, 2, 3, 4]
    assert held(buffer) == []


async def test_a_caller_who_is_cancelled_already_sends_nothing(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with open_buffer(redis) as buffer:
        with trio.CancelScope() as scope:
            scope.cancel()
            await buffer.put([entry(1)])

        assert (held(buffer), batches(unkind)) == ([], [])


async def test_two_flushes_are_never_under_way_at_once(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    under_way: list[str] = []

    def look(commands: Sequence[Command]) -> Fate:
        if any(touches(command, "queue:q") for command in commands):
            under_way.append("|".join(one.jid for one in buffer.unconfirmed()))
        return "delivered"

    unkind.delay, unkind.fate = 1.0, look
    async with open_buffer(redis) as buffer, trio.open_nursery() as nursery:
        nursery.start_soon(buffer.put, [entry(1)])
        await trio.sleep(0.1)
        buffer.put_nowait([entry(2)])
        nursery.start_soon(buffer.put, [entry(3)])
        await trio.sleep(0.1)
        nursery.start_soon(buffer.flush)

    assert under_way == ["1", "2|3"]


async def test_whoever_leads_is_told_of_a_refusal(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await redis.raw("SET", "queue:bad", "a string")
    async with open_buffer(redis) as buffer:
        buffer.put_nowait([entry(1, "bad")])
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await buffer.put([entry(2, "bad")])

        assert held(buffer) == ["1"]


async def test_whoever_leads_when_it_is_closed_is_told_when_the_line_is_dead(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.fate = lambda _: "request lost"
    async with open_buffer(redis) as buffer, trio.open_nursery() as nursery:

        async def lead() -> None:
            with pytest.raises(NotRunningError, match="may or may not be stored"):
                await buffer.put([entry(1)])

        nursery.start_soon(lead)
        await wait_all_tasks_blocked()
        buffer.close()


async def test_a_job_alone_after_many_is_not_kept_waiting(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with open_buffer(redis) as buffer:
        async with trio.open_nursery() as nursery:
            for n in range(50):
                nursery.start_soon(buffer.put, [entry(n)])
        began = trio.current_time()
        await buffer.put([entry(50)])

        assert trio.current_time() == began
    assert len(batches(unkind)) <= 3
