"""The buffer keeps jobs in order, within bounds, and until Redis has them."""

import logging
from collections.abc import Awaitable, Callable

import pytest
import trio
from redis.exceptions import OutOfMemoryError
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command
from kiq_trio.errors import BufferFull, NotRunningError
from tests.pipeline.buffers import (
    FLUSH_INTERVAL,
    entries,
    entry,
    held,
    running_buffer,
    stored,
)
from tests.unkind import UnkindServer, touches


def writes(unkind: UnkindServer, queue: str = "q") -> int:
    """Return how many batches were sent to *queue*."""
    return sum(
        command[0] == "EVALSHA" and touches(command, f"queue:{queue}")
        for command in unkind.asked
    )


async def test_whoever_waits_is_told_when_redis_has_the_job(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis) as buffer:
        await buffer.put([entry(1)])

        assert await stored(redis) == [1]
        assert await redis.raw("SISMEMBER", "queues", "q") == 1
        assert buffer.size == 0


async def test_a_job_for_later_goes_to_the_schedule(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis) as buffer:
        await buffer.put([entry(7, queue=None)])

        assert await redis.raw("ZSCORE", "schedule", "7") == 7.0


async def test_what_comes_while_a_flush_is_under_way_shares_the_next(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.delay = 1.0
    async with running_buffer(redis) as buffer, trio.open_nursery() as nursery:
        for n in range(50):
            nursery.start_soon(buffer.put, [entry(n)])

    assert writes(unkind) <= 2
    unkind.delay = 0.0
    assert sorted(await stored(redis)) == list(range(50))


async def test_jobs_nobody_waits_for_gather_for_a_moment(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with running_buffer(redis) as buffer:
        buffer.put_nowait([entry(1)])
        await trio.sleep(0.9 * FLUSH_INTERVAL)
        assert await stored(redis) == []
        buffer.put_nowait([entry(2)])
        await trio.sleep(0.2 * FLUSH_INTERVAL)

        assert await stored(redis) == [1, 2]
        assert writes(unkind) == 1


async def test_a_caller_who_waits_takes_the_others_with_him_at_once(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with running_buffer(redis) as buffer:
        buffer.put_nowait([entry(1)])
        began = trio.current_time()
        await buffer.put([entry(2)])

        assert trio.current_time() == began
        assert await stored(redis) == [1, 2]
        assert writes(unkind) == 1


async def test_flush_waits_until_nothing_is_left_and_makes_it_soon(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis) as buffer:
        buffer.put_nowait(entries(range(2_500)))
        began = trio.current_time()
        await buffer.flush()

        assert trio.current_time() == began
        assert await stored(redis) == list(range(2_500))
        assert held(buffer) == []
        await buffer.flush()


async def test_more_jobs_than_a_batch_holds_go_in_several(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with running_buffer(redis) as buffer:
        await buffer.put(entries(range(2_500)))

        assert await stored(redis) == list(range(2_500))
        assert writes(unkind) == 3


async def test_more_jobs_than_the_limit_are_stored_all_the_same(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis, limit=5) as buffer:
        await buffer.put(entries(range(1_200)))

        assert await stored(redis) == list(range(1_200))


async def test_a_full_buffer_makes_those_wait_who_can(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with running_buffer(redis, limit=3) as buffer:
        unkind.go_away()
        buffer.put_nowait(entries(range(3)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(buffer.put, [entry(3)])
            await trio.sleep(60)
            assert held(buffer) == ["0", "1", "2"]
            unkind.come_back()

        assert await stored(redis) == [0, 1, 2, 3]


async def test_a_full_buffer_refuses_those_who_cannot_wait_and_takes_none_of_theirs(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with running_buffer(redis, limit=3) as buffer:
        unkind.go_away()
        buffer.put_nowait(entries(range(2)))

        with pytest.raises(BufferFull, match="already holds 3 jobs"):
            buffer.put_nowait(entries(range(2, 4)))

        assert held(buffer) == ["0", "1"]
        buffer.put_nowait([entry(9)])
        unkind.come_back()
        await buffer.flush()
        assert await stored(redis) == [0, 1, 9]


async def test_a_caller_who_is_cancelled_takes_back_what_was_not_sent(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.delay = 10.0
    async with running_buffer(redis) as buffer, trio.open_nursery() as nursery:
        nursery.start_soon(buffer.put, [entry(1)])
        await wait_all_tasks_blocked()

        with trio.move_on_after(5) as scope:
            await buffer.put(entries([2, 3]))

        assert scope.cancelled_caught
        assert held(buffer) == ["1"]
    unkind.delay = 0.0
    assert await stored(redis) == [1]


async def test_a_caller_who_is_cancelled_too_late_has_stored_his_job(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.delay = 10.0
    async with running_buffer(redis) as buffer:
        with trio.move_on_after(5) as scope:
            await buffer.put([entry(1)])

        assert scope.cancelled_caught
        unkind.delay = 0.0
        await buffer.flush()
        assert await stored(redis) == [1]


async def test_a_cancelled_caller_leaves_room_for_others(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.delay = 10.0
    async with running_buffer(redis, limit=2) as buffer, trio.open_nursery() as nursery:
        nursery.start_soon(buffer.put, [entry(1)])
        await wait_all_tasks_blocked()
        with trio.move_on_after(1):
            await buffer.put([entry(2)])

        buffer.put_nowait([entry(3)])

    unkind.delay = 0.0
    assert await stored(redis) in ([1], [1, 3])


async def test_a_full_redis_makes_everybody_wait_until_there_is_room(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def out_of_memory(command: Command) -> Exception | None:
        if command[0] != "EVALSHA":
            return None
        return OutOfMemoryError("command not allowed when used memory > 'maxmemory'")

    caplog.set_level(logging.INFO, logger="kiq_trio.buffer")
    unkind.refusal = out_of_memory
    async with running_buffer(redis) as buffer, trio.open_nursery() as nursery:
        buffer.put_nowait([entry(1)])
        nursery.start_soon(buffer.put, [entry(2)])
        await trio.sleep(3600)
        assert await stored(redis) == []
        unkind.refusal = lambda _: None
        began = trio.current_time()
        await buffer.flush()

        assert trio.current_time() - began <= 5
        assert await stored(redis) == [1, 2]

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.parametrize("is_full", [False, True])
async def test_whoever_waits_when_it_is_closed_is_told(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer, *, is_full: bool
) -> None:
    told = []

    async def wait(call: Callable[[], Awaitable[None]]) -> None:
        with (
            trio.fail_after(60),
            pytest.raises(NotRunningError, match="may or may not be stored"),
        ):
            await call()
        told.append(call)

    async with running_buffer(redis, limit=3) as buffer:
        unkind.go_away()
        if is_full:
            buffer.put_nowait(entries(range(3)))
        async with trio.open_nursery() as nursery:
            # One whose batch is under way, one whose job waits, or both for room.
            nursery.start_soon(wait, lambda: buffer.put([entry(4)]))
            await trio.sleep(1)
            nursery.start_soon(wait, lambda: buffer.put([entry(5)]))
            nursery.start_soon(wait, buffer.flush)
            await trio.sleep(1)
            buffer.close()

        assert len(told) == 3
        await wait(lambda: buffer.put([entry(6)]))
        await wait(buffer.flush)


async def test_a_closed_buffer_takes_no_job(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis) as buffer:
        buffer.close()

        with pytest.raises(NotRunningError):
            buffer.put_nowait([entry(1)])

        assert held(buffer) == []


async def test_storing_nothing_is_a_checkpoint(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis) as buffer:
        with trio.testing.assert_checkpoints():
            await buffer.put([])


async def test_queues_that_were_used_once_are_forgotten(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with running_buffer(redis) as buffer:
        for n in range(50):
            buffer.put_nowait([entry(n, f"tenant-{n}")])
        await buffer.flush()

        assert buffer._lanes == {}


async def test_a_caller_who_is_cancelled_leaves_no_lane_behind(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.delay = 10.0
    async with running_buffer(redis) as buffer, trio.open_nursery() as nursery:
        nursery.start_soon(buffer.put, [entry(1)])
        await wait_all_tasks_blocked()
        with trio.move_on_after(5):
            await buffer.put([entry(2, "other")])

        assert list(buffer._lanes) == ["q"]


async def test_what_was_sent_is_told_from_what_was_not(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.delay = 10.0
    async with running_buffer(redis) as buffer:
        buffer.put_nowait([entry(1)])
        await trio.sleep(5)
        buffer.put_nowait([entry(2)])

        assert [one.jid for one in buffer.unconfirmed()] == ["1"]
        assert [one.jid for one in buffer.unsent()] == ["2"]
