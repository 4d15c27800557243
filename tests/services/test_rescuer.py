"""The dead are buried by those who have watched them, and their jobs come back."""

import logging
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from kiq_trio._background import background
from kiq_trio._services.recovery import PATIENCE
from kiq_trio._services.rescuer import Rescuer
from kiq_trio._store.fetching import fetch
from kiq_trio._store.keys import backup_key
from kiq_trio._store.registering import beat, read_counters, register
from kiq_trio._store.suspecting import suspect
from kiq_trio._wire.client import Redis
from kiq_trio.job import Job
from kiq_trio.timing import Timing
from tests.conftest import EPOCH
from tests.unkind import UnkindServer

TIMING = Timing()


def make_rescuer(redis: Redis, silence: Callable[[], float] = lambda: 0.0) -> Rescuer:
    return Rescuer(
        redis, TIMING, silence, lambda: EPOCH, dead_limit=100, dead_timeout=1e9
    )


async def die_with(
    redis: Redis, *payloads: bytes, identity: str = "dead", queue: str = "q"
) -> None:
    """Register a process that holds *payloads*, oldest first, and never beats."""
    await register(redis, identity)
    await redis.raw("LPUSH", f"queue:{queue}", *payloads)
    held = await fetch(
        redis, identity=identity, producer=queue, call=1, queue=queue, limit=100
    )
    assert len(held) == len(payloads)


def jobs(*names: str) -> list[bytes]:
    return [Job(job_class="A", jid=name).encode() for name in names]


async def waiting(redis: Redis, queue: str = "q") -> list[str]:
    """Return the jids in a queue, the oldest first."""
    payloads = await redis.raw("LRANGE", f"queue:{queue}", 0, -1)
    return [Job.decode(payload).jid for payload in reversed(payloads)]


async def test_whoever_stands_still_for_long_enough_is_buried_and_not_before(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await die_with(redis, *jobs("1"))
    async with background(make_rescuer(redis).run):
        await trio.sleep(TIMING.burial - 0.1)
        assert await read_counters(redis) == {"dead": 1}
        await trio.sleep(TIMING.observe + 0.1)

        assert await read_counters(redis) == {}
        assert await waiting(redis) == ["1"]
        assert await redis.raw("SCARD", "kiq:graves") == 0


async def test_whoever_beats_once_in_a_while_lives(
    autojump_clock: MockClock, redis: Redis
) -> None:
    number = await register(redis, "slow")
    async with background(make_rescuer(redis).run):
        for _ in range(20):
            await trio.sleep(TIMING.burial - 2 * TIMING.observe)
            await beat(redis, "slow", number)

        assert list(await read_counters(redis)) == ["slow"]


async def test_after_a_gap_in_its_looking_it_starts_to_watch_anew(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await register(redis, "dead")
    async with background(make_rescuer(redis).run):
        await trio.sleep(TIMING.burial - TIMING.observe)
        unkind.go_away()
        await trio.sleep(600)
        unkind.come_back()
        await trio.sleep(TIMING.burial - TIMING.observe)
        assert list(await read_counters(redis)) == ["dead"]
        await trio.sleep(3 * TIMING.observe)

        assert await read_counters(redis) == {}


async def test_after_a_pause_of_its_own_it_buries_nobody_at_once(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await register(redis, "dead")
    rescuer = make_rescuer(redis)
    await rescuer.look()
    await trio.sleep(3600)

    await rescuer.look()

    assert list(await read_counters(redis)) == ["dead"]


async def test_it_buries_nobody_while_its_own_beats_do_not_get_through(
    autojump_clock: MockClock, redis: Redis
) -> None:
    """Redis takes no writes, so everybody's counter stands still."""
    await register(redis, "other")
    silent_since, silent_until = 10.0, 10 * TIMING.burial
    began = trio.current_time()

    def silence() -> float:
        now = trio.current_time() - began
        return now - silent_since if silent_since < now < silent_until else 0.0

    async with background(make_rescuer(redis, silence).run):
        await trio.sleep(silent_until + TIMING.burial - TIMING.observe)
        assert list(await read_counters(redis)) == ["other"]
        await trio.sleep(3 * TIMING.observe)

        assert await read_counters(redis) == {}


async def test_an_error_while_it_looks_clears_what_it_has_seen(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await register(redis, "dead")
    async with background(make_rescuer(redis).run):
        # Between two looks, so that one falls into the time of the error.
        await trio.sleep(TIMING.burial - 1.5 * TIMING.observe)
        await redis.raw("RENAME", "kiq:processes", "elsewhere")
        await redis.raw("SET", "kiq:processes", "a string")
        await trio.sleep(TIMING.observe)
        await redis.raw("RENAME", "elsewhere", "kiq:processes")
        await trio.sleep(TIMING.burial - TIMING.observe)

        assert list(await read_counters(redis)) == ["dead"]


async def test_jobs_come_back_to_the_front_in_their_order(
    autojump_clock: MockClock, redis: Redis
) -> None:
    names = [str(n) for n in range(450)]
    await register(redis, "dead")
    for place in range(0, 450, 90):
        await redis.raw("LPUSH", "queue:q", *jobs(*names[place : place + 90]))
        await fetch(
            redis,
            identity="dead",
            producer="q",
            call=place + 1,
            queue="q",
            limit=90,
        )
    await redis.raw("LPUSH", "queue:q", *jobs("younger"))
    async with background(make_rescuer(redis).run):
        await trio.sleep(TIMING.burial + TIMING.observe)

    assert await waiting(redis) == [*names, "younger"]


async def test_a_backup_nobody_owns_is_drained_after_a_while(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await die_with(redis, *jobs("1"))
    await redis.raw("HDEL", "kiq:processes", "dead")
    async with background(make_rescuer(redis).run):
        await trio.sleep(TIMING.orphan - 0.1)
        assert await waiting(redis) == []
        await trio.sleep(TIMING.observe + 0.1)

        assert await waiting(redis) == ["1"]
        assert await redis.raw("SCARD", "kiq:backups") == 0


async def test_a_suspect_is_given_up_the_third_time_and_not_what_ran_beside_it(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await redis.raw("LPUSH", "queue:q", *jobs("older", "poison", "younger"))
    async with background(make_rescuer(redis).run):
        for life in range(3):
            await register(redis, f"dead{life}")
            held = await fetch(
                redis,
                identity=f"dead{life}",
                producer="q",
                call=1,
                queue="q",
                limit=3,
            )
            assert len(held) == 3
            # As consumers do with what has come back twice.
            assert await suspect(redis, held[1], 1)
            await trio.sleep(TIMING.burial + 2 * TIMING.observe)

    assert await waiting(redis) == ["older", "younger"]
    [payload] = await redis.raw("ZRANGE", "dead", 0, -1)
    assert Job.decode(payload).rest["error_class"] == "kiq_trio.PoisonPill"


async def test_what_is_no_job_comes_back_as_it_is(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await die_with(redis, b"junk")
    async with background(make_rescuer(redis).run):
        await trio.sleep(TIMING.burial + TIMING.observe)

    assert await redis.raw("LRANGE", "queue:q", 0, -1) == [b"junk"]


async def test_a_grave_of_somebody_registered_is_not_touched(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await die_with(redis, *jobs("1"), identity="alive")
    await redis.raw("SADD", "kiq:graves", "alive")

    await make_rescuer(redis).look()

    assert await redis.raw("HLEN", backup_key("alive")) == 1
    assert await waiting(redis) == []


async def test_two_jobs_that_are_equal_to_the_byte_are_given_up_as_two(
    autojump_clock: MockClock, redis: Redis
) -> None:
    stamps = [int(EPOCH * 1000)] * (PATIENCE - 1)
    poison = Job(job_class="A", jid="1", rest={"kiq_recovered": stamps}).encode()
    await die_with(redis, poison, poison)
    async with background(make_rescuer(redis).run):
        await trio.sleep(TIMING.burial + TIMING.observe)

    dead = await redis.raw("ZRANGE", "dead", 0, -1)
    assert [Job.decode(one).jid for one in dead] == ["1", "1"]


async def test_an_error_that_lasts_is_logged_once_and_so_is_its_end(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.rescuer")
    await redis.raw("SET", "kiq:graves", "a string")
    async with background(make_rescuer(redis).run):
        await trio.sleep(60)
        assert caplog.text.count("the dead are not looked for: WRONGTYPE") == 1

        await redis.raw("DEL", "kiq:graves")
        await trio.sleep(2 * TIMING.observe)

        assert caplog.text.count("the dead are looked for again") == 1


async def test_a_grave_that_others_have_emptied_may_be_complained_of_again(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    rescuer = make_rescuer(redis)
    await redis.raw("SET", "queue:bad", "a string")
    for times in (1, 2):
        await redis.raw("HSET", backup_key("dead"), "bad.1.0", "bad\n{}")
        await redis.raw("SADD", "kiq:graves", "dead")
        await rescuer.look()
        assert caplog.text.count("jobs of dead cannot be given back") == times
        # Another rescuer is done with it.
        await redis.raw("DEL", backup_key("dead"), "kiq:graves")
        await rescuer.look()


async def test_a_queue_that_refuses_keeps_no_other_job_from_coming_back(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    await die_with(redis, *jobs("1"), identity="a", queue="bad")
    await die_with(redis, *jobs("2"), identity="b")
    await redis.raw("SET", "queue:bad", "a string")
    async with background(make_rescuer(redis).run):
        await trio.sleep(2 * TIMING.burial)
        assert await waiting(redis) == ["2"]
        assert await redis.raw("HLEN", backup_key("a")) == 1
        assert caplog.text.count("WRONGTYPE") == 1

        await redis.raw("DEL", "queue:bad")
        await trio.sleep(2 * TIMING.observe)

        assert await waiting(redis, "bad") == ["1"]
