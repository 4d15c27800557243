"""A producer takes what there is room for, and never takes it twice."""

from collections.abc import Sequence

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._store.registering import leave, register
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.slot import Command
from tests.pipeline.producers import bury_me, working
from tests.unkind import Fate, UnkindServer, touches

FATES = st.lists(
    st.sampled_from(("delivered", "request lost", "reply lost")), max_size=25
)


async def test_no_more_is_taken_than_there_are_idle_consumers(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with working(redis) as work:
        await work.push(*range(10))
        await trio.sleep(10)
        assert (work.taken, await work.held()) == ([0, 1, 2], 3)

        work.done.release()
        await trio.sleep(10)

        assert work.taken == [0, 1, 2, 3]
        assert await work.waiting() == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("can_wait", [True, False])
async def test_an_empty_queue_is_waited_on_or_looked_at(
    autojump_clock: MockClock, redis: Redis, can_wait: bool
) -> None:
    async with working(redis, can_wait=can_wait) as work:
        await trio.sleep(100)
        await work.push(1)
        await trio.sleep(0.03 if can_wait else 0.8)

        assert work.taken == [1]


async def test_whoever_found_work_is_there_at_once_for_the_next(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with working(redis) as work:
        for number in range(3):
            await trio.sleep(0.001)
            await work.push(number)
            await trio.sleep(0.001)

            assert work.taken[-1] == number


@pytest.mark.parametrize("trouble", ["quiet", "suspended"])
async def test_nothing_is_taken_while_we_may_not(
    autojump_clock: MockClock, redis: Redis, trouble: str
) -> None:
    async with working(redis) as work:
        await trio.sleep(1)
        if trouble == "quiet":
            work.lease.is_quiet = True
        else:
            work.lease.suspend()
        await wait_all_tasks_blocked()
        await work.push(1)
        await trio.sleep(100)
        assert (work.taken, await work.waiting()) == ([], [1])

        work.lease.is_quiet = False
        work.lease.resume()
        await trio.sleep(1)

        assert work.taken == [1]


async def test_what_is_taken_while_we_are_told_to_stop_goes_back_to_its_queue(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with working(redis, can_wait=False) as work:
        await wait_all_tasks_blocked()
        await work.push(1)
        unkind.delay = 0.8
        # Half a second later the queue is looked at, and we are quiet before it
        # has answered.
        await trio.sleep(0.9)
        work.lease.is_quiet = True
        unkind.delay = 0.0
        await trio.sleep(10)

        assert (work.taken, await work.held()) == ([], 0)
        assert await work.waiting() == [1]


@pytest.mark.parametrize("trouble", ["quiet", "suspended"])
async def test_jobs_whose_arrival_was_lost_go_back_if_we_may_fetch_no_more(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer, trouble: str
) -> None:
    async with working(redis, can_wait=False) as work:
        await wait_all_tasks_blocked()
        await work.push(0, 1, 2)
        unkind.fate = lambda _: "reply lost"
        await trio.sleep(5)
        if trouble == "quiet":
            work.lease.is_quiet = True
        else:
            work.lease.suspend()
        await trio.sleep(5)
        unkind.fate = lambda _: "delivered"
        await trio.sleep(10)
        assert (work.taken, await work.held()) == ([], 0)
        assert await work.waiting() == [0, 1, 2]

        work.lease.is_quiet = False
        work.lease.resume()
        await trio.sleep(5)

        assert work.taken == [0, 1, 2]


async def test_jobs_whose_arrival_was_lost_come_even_if_there_is_less_room_by_then(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    def lose(commands: Sequence[Command]) -> Fate:
        if not touches(commands[0], "kiq:calls|me"):
            return "delivered"
        unkind.fate = lambda _: "request lost"
        return "reply lost"

    async with working(redis, can_wait=False) as work:
        await wait_all_tasks_blocked()
        await work.push(0, 1, 2)
        unkind.fate = lose
        await trio.sleep(5)
        for scope in work.team[:2]:
            scope.cancel()
        await trio.sleep(5)
        unkind.fate = lambda _: "delivered"
        for _ in range(3):
            work.done.release()
        await trio.sleep(10)

        assert work.taken == [0, 1, 2]


async def test_from_a_paused_queue_nothing_is_taken_until_it_goes_on(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await redis.raw("SADD", "paused", "q")
    async with working(redis) as work:
        await work.push(1)
        await trio.sleep(100)
        assert (work.taken, await work.waiting()) == ([], [1])

        await redis.raw("SREM", "paused", "q")
        await trio.sleep(5)

        assert work.taken == [1]


async def test_a_paused_queue_is_not_asked_all_the_time(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await redis.raw("SADD", "paused", "q")
    async with working(redis) as work:
        await work.push(1)
        unkind.asked.clear()
        await trio.sleep(100)

        assert len(unkind.asked) <= 51


async def test_whoever_is_not_registered_gets_nothing_and_asks_again_later(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with working(redis) as work:
        await leave(redis, "me")
        await work.push(1)
        await trio.sleep(60)
        assert (work.taken, await work.waiting()) == ([], [1])

        await register(redis, "me again")
        work.lease.grant("me again")
        await trio.sleep(5)

        assert work.taken == [1]


async def test_whoever_was_buried_in_the_middle_of_a_call_fetches_nothing_while_quiet(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with working(redis, can_wait=False) as work:
        await wait_all_tasks_blocked()
        await work.push(1)
        unkind.fate = lambda _: "reply lost"
        await trio.sleep(5)
        work.lease.is_quiet = True
        # Longer than what is under way is waited for.
        await trio.sleep(2)
        async with open_redis(unkind.kind_door(), scripts=SCRIPTS) as kind:
            await bury_me(kind)
        unkind.fate = lambda _: "delivered"
        await trio.sleep(5)
        # What was taken is in the grave of "me"; the call is over.
        assert (await work.held(), await work.waiting()) == (1, [])
        await register(redis, "me again")
        work.lease.grant("me again")
        await work.push(2)
        unkind.asked.clear()
        await trio.sleep(60)

        assert unkind.asked == []
        assert work.taken == []


async def test_a_key_that_is_no_queue_is_logged_once_and_looked_at_again(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.raw("SET", "queue:q", "a string")
    async with working(redis) as work:
        await trio.sleep(60)
        assert caplog.text.count("nothing is taken from q: WRONGTYPE") == 1

        await redis.raw("DEL", "queue:q")
        await work.push(1)
        await trio.sleep(5)

        assert work.taken == [1]


@given(
    fates=FATES,
    pushes=st.lists(st.integers(1, 4), max_size=6),
    can_wait=st.booleans(),
)
def test_every_job_is_taken_exactly_once_and_in_order_whatever_is_lost(
    fates: list[Fate], pushes: list[int], *, can_wait: bool
) -> None:
    async def main() -> None:
        unkind = UnkindServer(TrioClock(1_800_000_000.0))
        left = iter(fates)
        numbers = iter(range(1_000))
        pushed: list[int] = []
        async with (
            open_redis(unkind, scripts=SCRIPTS, random=lambda: 0.5) as redis,
            open_redis(unkind.kind_door()) as kind,
            working(redis, can_wait=can_wait) as work,
        ):
            await wait_all_tasks_blocked()
            unkind.fate = lambda _: next(left, "delivered")
            for size in pushes:
                some = [next(numbers) for _ in range(size)]
                pushed += some
                await kind.raw("LPUSH", "queue:q", *some)
                work.done.release()
                await trio.sleep(1)
            for _ in pushed:
                work.done.release()
            await trio.sleep(60)

            assert work.taken == pushed
            unkind.fate = lambda _: "delivered"
            assert await work.held() == len(pushed)

    trio.run(main, clock=MockClock(autojump_threshold=0))
