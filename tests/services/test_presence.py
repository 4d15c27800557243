"""A process is present while it is heard, and knows when it is not."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._background import background
from kiq_trio._pipeline.lease import Lease
from kiq_trio._services import presence
from kiq_trio._services.beater import Pulse
from kiq_trio._services.presence import Presence, new_identity
from kiq_trio._services.watchdog import Watchdog
from kiq_trio._store.burying import bury
from kiq_trio._store.registering import read_counters, register
from kiq_trio._wire.client import Redis
from kiq_trio.timing import Timing
from tests.unkind import UnkindServer

TIMING = Timing()


@attrs.define(eq=False)
class Life:
    redis: Redis
    lease: Lease
    presence: Presence
    burials: list[str]

    async def counters(self) -> dict[str, int]:
        return await read_counters(self.redis)

    async def be_buried(self) -> None:
        """Let somebody else take us for dead."""
        await register(self.redis, "other")
        identity = self.lease.identity
        while not await bury(self.redis, identity, (await self.counters())[identity]):
            pass


@asynccontextmanager
async def living(redis: Redis, unkind: UnkindServer) -> AsyncIterator[Life]:
    lease = Lease()
    burials: list[str] = []
    ours = Presence(
        redis=redis,
        server=unkind,
        lease=lease,
        timing=TIMING,
        watchdog=Watchdog(blocked_after=2.0, blocked_limit=900.0),
        on_burial=lambda: burials.append(lease.identity),
    )
    async with background(ours.run):
        yield Life(redis, lease, ours, burials)


def test_no_two_processes_have_one_name() -> None:
    names = {new_identity() for _ in range(1_000)}

    assert len(names) == 1_000
    host, pid, nonce = names.pop().rsplit(":", 2)
    assert host
    assert pid.isdecimal()
    assert len(nonce) == 24


def test_a_dyno_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYNO", "worker.1")

    assert new_identity().startswith("worker.1:")


async def test_a_moment_too_short_for_the_clock_is_waited_for_all_the_same(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    looks = 0

    def now() -> float:
        nonlocal looks
        looks += 1
        assert looks < 100, "it spins, and no time passes"
        return math.nextafter(TIMING.fence, 0)

    async with living(redis, unkind) as life:
        # The fence is waited for by the pulse that it began with, and then by ours.
        await wait_all_tasks_blocked()
        pulse = Pulse(now)
        pulse.heard_at = 0.0
        life.presence._pulse = pulse
        await trio.sleep(TIMING.fence + 0.05)

    assert looks > 1


async def test_a_beat_that_is_lost_is_soon_followed_by_another(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with living(redis, unkind) as life:
        await trio.sleep(TIMING.beat - 0.5)
        before = await life.counters()
        unkind.fate = lambda _: "request lost"
        await trio.sleep(1)
        unkind.fate = lambda _: "delivered"
        await trio.sleep(TIMING.beat / 5)
        after = await life.counters()

    [identity] = before
    assert after[identity] == before[identity] + 1


async def test_a_process_is_registered_and_beats_until_it_leaves(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with living(redis, unkind) as life:
        assert life.lease.may_fetch.value
        await trio.sleep(1)
        before = await life.counters()
        assert list(before) == [life.lease.identity]
        await trio.sleep(60)
        after = await life.counters()
        assert after[life.lease.identity] - before[life.lease.identity] == 12

        await life.presence.leave()

        assert await life.counters() == {}
        assert life.burials == []


async def test_without_beats_we_stop_fetching_before_others_may_bury_us(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with living(redis, unkind) as life:
        await trio.sleep(62)
        unkind.go_away()
        lost_at = trio.current_time()

        with trio.move_on_after(1_000):
            await life.lease.may_fetch.wait_value(False)  # noqa: FBT003 - trio_util's own.
        fenced_after = trio.current_time() - lost_at

        # Our last beat is up to one interval old when Redis goes.
        assert TIMING.fence - TIMING.beat <= fenced_after <= TIMING.fence
        assert not life.lease.is_held


async def test_after_an_outage_we_go_on_under_the_same_name(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with living(redis, unkind) as life:
        name = life.lease.identity
        unkind.go_away()
        await trio.sleep(600)
        assert not life.lease.is_held
        unkind.come_back()
        await trio.sleep(2 * TIMING.beat)

        assert (life.lease.is_held, life.lease.identity) == (True, name)
        assert life.burials == []
    assert caplog.text.count("we fetch no more jobs") == 1


async def test_the_first_beat_that_gets_through_lets_us_fetch_at_once(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with living(redis, unkind) as life:
        for seconds in (100, 101.1, 102.2):
            unkind.go_away()
            await trio.sleep(seconds)
            assert not life.lease.is_held
            unkind.come_back()
            await life.presence._pulse.wait_heard()
            await wait_all_tasks_blocked()

            assert life.lease.is_held


async def test_a_short_outage_is_not_even_noticed(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with living(redis, unkind) as life:
        for _ in range(5):
            unkind.go_away()
            await trio.sleep(10)
            unkind.come_back()
            await trio.sleep(10)
            assert life.lease.is_held


async def test_whoever_was_buried_ends_its_runs_and_joins_under_a_new_name(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with living(redis, unkind) as life:
        name = life.lease.identity
        await life.be_buried()
        await trio.sleep(2 * TIMING.beat)

        assert life.burials == [name]
        assert life.lease.is_held
        assert life.lease.identity != name
        assert set(await life.counters()) == {"other", life.lease.identity}


async def test_a_redis_that_lost_its_data_ends_no_runs(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with living(redis, unkind) as life:
        name = life.lease.identity
        await redis.raw("FLUSHALL")
        await trio.sleep(2 * TIMING.beat)

        assert life.burials == []
        assert life.lease.is_held
        assert life.lease.identity != name
        assert list(await life.counters()) == [life.lease.identity]


async def test_a_redis_that_lost_its_data_ends_no_runs_of_any_process(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with living(redis, unkind) as one, living(redis, unkind) as two:
        names = {one.lease.identity, two.lease.identity}
        await redis.raw("FLUSHALL")
        await trio.sleep(2 * TIMING.beat)

        assert one.burials == two.burials == []
        assert caplog.text.count("Redis has lost its data") == 2
        assert set(await one.counters()) == {one.lease.identity, two.lease.identity}
        assert not names & set(await one.counters())


async def test_whoever_joined_again_after_a_loss_can_be_buried(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with living(redis, unkind) as life:
        await redis.raw("FLUSHALL")
        await trio.sleep(2 * TIMING.beat)
        name = life.lease.identity
        await life.be_buried()
        await trio.sleep(2 * TIMING.beat)

        assert life.burials == [name]
        assert life.lease.is_held


async def test_whoever_gives_up_while_it_registers_leaves_no_trace(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    unkind.delay = 0.3
    with trio.move_on_after(0.4) as scope:
        async with living(redis, unkind):
            pass
    unkind.delay = 0.0

    assert scope.cancelled_caught
    assert await read_counters(redis) == {}


async def test_whoever_gives_up_as_the_answer_comes_leaves_no_trace(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scope = trio.CancelScope()

    async def register_and_give_up(*args: Any) -> int:
        number = await register(*args)
        assert set(await read_counters(redis)) == {args[1]}
        scope.cancel()
        return number

    monkeypatch.setattr(presence, "register", register_and_give_up)
    with scope:
        async with living(redis, unkind):
            pytest.fail("there was somebody who relied on us")

    assert scope.cancelled_caught
    assert await read_counters(redis) == {}


async def test_leaving_with_jobs_in_our_hands_leaves_them_to_others(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with living(redis, unkind) as life:
        name = life.lease.identity
        await redis.raw("HSET", f"kiq:backup|{name}", "q.1.0", "q\n{}")

        await life.presence.leave()

        assert "leaves jobs behind" in caplog.text
        assert await redis.raw("SISMEMBER", "kiq:graves", name) == 1


async def test_whoever_leaves_while_it_joins_anew_leaves_no_ghost(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def register_slowly(*args: Any) -> int:
        # Redis has answered, and the answer is on its way to us.
        number = await register(*args)
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        return number

    async with living(redis, unkind) as life:
        monkeypatch.setattr(presence, "register", register_slowly)
        await trio.sleep(1)
        await redis.raw("FLUSHALL")
        # Half a second after the beat that finds out.
        await trio.sleep(TIMING.beat - 0.5)
        [joining] = await life.counters()
        assert life.lease.identity != joining

        await life.presence.leave()
        await trio.sleep(10)

        assert await life.counters() == {}


async def test_a_beat_while_we_leave_does_not_make_us_join_again(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with living(redis, unkind) as life:
        await register(redis, "other")
        unkind.fate = lambda commands: (
            "reply lost" if "kiq:graves" in commands[0] else "delivered"
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(life.presence.leave)
            await trio.sleep(4 * TIMING.beat)
            unkind.fate = lambda _: "delivered"
        await trio.sleep(4 * TIMING.beat)

        assert set(await life.counters()) == {"other"}
        assert life.burials == []
