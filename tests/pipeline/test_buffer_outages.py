"""Whatever is lost on the way, every job is stored once and in its order."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ResponseError
from trio.testing import MockClock

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.clock import TrioClock
from tests.pipeline.buffers import (
    FLUSH_INTERVAL,
    entries,
    entry,
    held,
    running_buffer,
    stored,
)
from tests.unkind import Fate, UnkindServer, touches

FATES = st.lists(
    st.sampled_from(("delivered", "request lost", "reply lost")), max_size=25
)


async def test_order_is_kept_through_an_outage(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with running_buffer(redis) as buffer:
        for n in range(30):
            buffer.put_nowait([entry(n)])
            if n == 10:
                unkind.go_away()
            await trio.sleep(20)
        unkind.come_back()
        await buffer.flush()

        assert await stored(redis) == list(range(30))


@pytest.mark.parametrize("fate", ["request lost", "reply lost"])
async def test_what_is_lost_once_is_stored_once(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer, fate: Fate
) -> None:
    fates = iter([fate])
    unkind.fate = lambda _: next(fates, "delivered")

    async with running_buffer(redis) as buffer:
        await buffer.put([entry(1)])

        assert await stored(redis) == [1]


@given(
    fates=FATES,
    puts=st.lists(
        st.tuples(st.integers(1, 4), st.booleans(), st.sampled_from("qr")), max_size=8
    ),
    pauses=st.lists(st.sampled_from((0.0, 0.3, 3.0)), max_size=8),
)
def test_every_job_is_stored_exactly_once_and_in_order_whatever_is_lost(
    fates: list[Fate], puts: list[tuple[int, bool, str]], pauses: list[float]
) -> None:
    async def main() -> None:
        unkind = UnkindServer(TrioClock(1_800_000_000.0))
        left = iter(fates)
        numbers = iter(range(1_000))
        expected: dict[str, list[int]] = {"q": [], "r": []}
        async with open_redis(unkind, scripts=SCRIPTS, random=lambda: 0.5) as redis:
            await redis.wait_up()
            unkind.fate = lambda _: next(left, "delivered")
            async with running_buffer(redis) as buffer, trio.open_nursery() as nursery:
                for index, (size, is_awaited, queue) in enumerate(puts):
                    some = [next(numbers) for _ in range(size)]
                    expected[queue] += some
                    if is_awaited:
                        nursery.start_soon(buffer.put, entries(some, queue))
                        await trio.testing.wait_all_tasks_blocked()
                    else:
                        buffer.put_nowait(entries(some, queue))
                    await trio.sleep(pauses[index] if index < len(pauses) else 0)
                await buffer.flush()
            unkind.fate = lambda _: "delivered"
            assert {each: await stored(redis, each) for each in "qr"} == expected

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_a_late_copy_of_what_a_forgotten_lane_sent_is_refused(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with running_buffer(redis) as buffer:
        await buffer.put([entry(1)])
        [first] = [one for one in unkind.asked if touches(one, "queue:q")]
        await buffer.put([entry(2, "other")])
        await buffer.put([entry(3)])

        with pytest.raises(ResponseError, match="STALE"):
            await redis.raw(*first)

        assert await stored(redis) == [1, 3]


async def test_a_queue_that_refuses_is_told_to_whoever_waits(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await redis.raw("SET", "queue:bad", "a string")
    async with running_buffer(redis) as buffer:
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await buffer.put([entry(1, "bad")])

        assert buffer.size == 0
        await buffer.put([entry(2)])
        assert await stored(redis) == [2]


async def test_of_jobs_for_two_queues_those_that_can_are_stored(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await redis.raw("SET", "queue:bad", "a string")
    async with running_buffer(redis) as buffer:
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await buffer.put([entry(1), entry(2, "bad"), entry(3)])

        assert await stored(redis) == [1, 3]


async def test_jobs_nobody_waits_for_flow_when_their_queue_is_mended(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await redis.raw("SET", "queue:bad", "a string")
    async with running_buffer(redis) as buffer:
        buffer.put_nowait(entries([1, 2], "bad"))
        await trio.sleep(60)
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await buffer.put([entry(3, "bad")])
        assert held(buffer) == ["1", "2"]

        await redis.raw("DEL", "queue:bad")
        await buffer.flush()

        assert await stored(redis, "bad") == [1, 2]


async def test_a_queue_in_trouble_delays_no_job_of_another(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await redis.raw("SET", "queue:bad", "a string")
    async with running_buffer(redis) as buffer:
        buffer.put_nowait([entry(1, "bad")])
        # By now the tries are seconds apart.
        await trio.sleep(600)
        for n in range(20):
            buffer.put_nowait([entry(n)])
            await trio.sleep(1.1 * FLUSH_INTERVAL)

            assert await stored(redis) == list(range(n + 1))


async def test_a_queue_in_trouble_is_not_asked_all_the_time(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await redis.raw("SET", "queue:bad", "a string")
    async with running_buffer(redis) as buffer:
        buffer.put_nowait([entry(1, "bad")])
        await trio.sleep(60)
        unkind.asked.clear()
        for n in range(100):
            await buffer.put([entry(n)])
            await trio.sleep(0.6)

        tries = [one for one in unkind.asked if "queue:bad" in one]
        assert 10 <= len(tries) <= 25


async def test_a_flush_is_told_of_what_redis_refuses_instead_of_waiting_for_ever(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await redis.raw("SET", "queue:bad", "a string")
    async with running_buffer(redis) as buffer:
        buffer.put_nowait([entry(1, queue="bad"), entry(2)])

        with trio.fail_after(60), pytest.raises(ResponseError, match="WRONGTYPE"):
            await buffer.flush()

        assert await stored(redis) == [2]
        assert buffer.size == 1
        await redis.raw("DEL", "queue:bad")
        await buffer.flush()
        assert await stored(redis, "bad") == [1]
