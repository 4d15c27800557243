import pytest
import trio

from kiq_trio._store.burying import bury, look_around
from kiq_trio._store.registering import (
    Beat,
    beat,
    beat_command,
    leave,
    read_beat,
    read_counters,
    register,
)
from kiq_trio._store.scripts import REGISTER
from kiq_trio._wire.client import Redis
from tests.store.deeds import ME, OTHER, held, join, names_in, put, take, waiting

REGISTRATION_KEYS = ("kiq:processes", "kiq:backups", "kiq:registrations")


async def test_who_registers_is_counted_and_may_have_a_backup(redis: Redis) -> None:
    assert await register(redis, ME) > 0

    assert await read_counters(redis) == {ME: 1}
    assert await names_in(redis, "kiq:backups") == {ME}


async def test_an_id_in_use_is_refused(redis: Redis) -> None:
    await join(redis, ME)

    assert not await register(redis, ME)

    assert await read_counters(redis) == {ME: 1}


async def test_many_may_register_at_once(redis: Redis) -> None:
    identities = [f"host:{n}:nonce" for n in range(20)]

    async with trio.open_nursery() as nursery:
        for identity in identities:
            nursery.start_soon(join, redis, identity)

    assert (await read_counters(redis)).keys() == set(identities)


async def test_registrations_are_numbered_from_a_start_of_chance(redis: Redis) -> None:
    starts = []
    for _ in range(5):
        await redis.raw("FLUSHALL")
        starts.append(await register(redis, ME))
        assert not await register(redis, ME)
        assert await register(redis, OTHER) == starts[-1] + 2

    assert len(set(starts)) == 5
    assert all(0 < start < 2**52 for start in starts)


@pytest.mark.parametrize("drawn", [0, 2**52 - 2])
async def test_the_lowest_and_the_highest_start_are_exact(
    redis: Redis, drawn: int
) -> None:
    def randbelow(end: int) -> int:
        assert end == 2**52 - 1
        return drawn

    assert await register(redis, ME, randbelow=randbelow) == drawn + 1
    number = await register(redis, OTHER)
    assert number == drawn + 2
    await bury(redis, OTHER, 1)

    assert await beat(redis, OTHER, number) is Beat.BURIED
    assert await beat(redis, OTHER, number + 1) is Beat.FORGOTTEN


async def test_a_late_copy_of_a_registration_is_refused_for_ever(redis: Redis) -> None:
    copy = REGISTER(REGISTRATION_KEYS, (ME, 0, 7))
    assert await redis.raw(*copy) == 7
    await leave(redis, ME)

    assert await redis.raw(*copy) == -1

    assert await read_counters(redis) == {}
    assert await names_in(redis, "kiq:backups") == set()


async def test_a_late_copy_of_a_refused_registration_is_refused_for_ever(
    redis: Redis,
) -> None:
    number = await register(redis, ME)
    copy = REGISTER(REGISTRATION_KEYS, (ME, number, 1))
    assert await redis.raw(*copy) == 0
    await leave(redis, ME)

    assert await redis.raw(*copy) == -1


async def test_a_thread_beats_by_the_command_alone(redis: Redis) -> None:
    number = await register(redis, ME)

    await redis.raw("SCRIPT", "FLUSH")

    assert read_beat(await redis.raw(*beat_command(ME)), number) is Beat.ALIVE

    assert await read_counters(redis) == {ME: 2}


async def test_a_beat_does_not_bring_the_buried_back(redis: Redis) -> None:
    number = await register(redis, ME)
    await join(redis, OTHER)
    await bury(redis, ME, 1)

    assert await beat(redis, ME, number) is Beat.BURIED

    assert await read_counters(redis) == {OTHER: 1}


async def test_who_was_buried_knows_it_even_if_all_others_have_left(
    redis: Redis,
) -> None:
    number = await register(redis, ME)
    await bury(redis, ME, 1)

    assert await beat(redis, ME, number) is Beat.BURIED


async def test_redis_has_forgotten_everybody_even_if_others_have_joined_again(
    redis: Redis,
) -> None:
    mine, others = await register(redis, ME), await register(redis, OTHER)
    await redis.raw("FLUSHALL")

    assert await beat(redis, ME, mine) is Beat.FORGOTTEN
    await join(redis, "host:1:me again")

    assert await beat(redis, OTHER, others) is Beat.FORGOTTEN


async def test_a_registry_that_alone_was_deleted_has_buried_everybody(
    redis: Redis,
) -> None:
    mine, others = await register(redis, ME), await register(redis, OTHER)
    await redis.raw("DEL", "kiq:processes")

    assert await beat(redis, ME, mine) is Beat.BURIED
    assert await beat(redis, OTHER, others) is Beat.BURIED


@pytest.mark.parametrize(
    ("counter", "verdict"),
    [
        (None, Beat.FORGOTTEN),
        (1, Beat.FORGOTTEN),
        (2**40 - 1, Beat.FORGOTTEN),
        (2**40, Beat.BURIED),
        (2**40 + 2**31 - 1, Beat.BURIED),
        (2**40 + 2**31, Beat.FORGOTTEN),
        (2**52 + 2**31, Beat.FORGOTTEN),
    ],
)
async def test_only_a_redis_that_counts_on_from_our_number_has_buried_us(
    redis: Redis, counter: int | None, verdict: Beat
) -> None:
    if counter is not None:
        await redis.raw("SET", "kiq:registrations", counter)

    assert await beat(redis, ME, 2**40) is verdict


async def test_who_leaves_with_jobs_leaves_them_in_a_grave(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1")
    await take(redis, "mail")

    assert not await leave(redis, ME)

    assert (await look_around(redis)).graves == {ME}
    assert await read_counters(redis) == {}
    assert await held(redis) == 1


async def test_leaving_again_changes_nothing(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1")
    await take(redis, "mail")
    await leave(redis, ME)

    assert not await leave(redis, ME)

    assert (await look_around(redis)).graves == {ME}
    assert await waiting(redis, "mail") == []


async def test_who_was_buried_with_empty_hands_closes_the_grave_by_leaving(
    redis: Redis,
) -> None:
    await join(redis, ME)
    await bury(redis, ME, 1)

    assert await leave(redis, ME)

    assert await redis.raw("KEYS", "kiq:*") == [b"kiq:registrations"]
