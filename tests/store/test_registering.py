import trio

from kiq_trio._store.burying import bury, read_graves
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


async def test_who_registers_is_counted_and_may_have_a_backup(redis: Redis) -> None:
    assert await register(redis, ME)

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


async def test_a_late_copy_of_a_registration_is_refused_for_ever(redis: Redis) -> None:
    keys = ("kiq:processes", "kiq:backups", "kiq:registrations")
    copy = REGISTER(keys, (ME, 0))
    assert await redis.raw(*copy) == 1
    await leave(redis, ME)

    assert await redis.raw(*copy) == -1

    assert await read_counters(redis) == {}
    assert await names_in(redis, "kiq:backups") == set()


async def test_a_late_copy_of_a_refused_registration_is_refused_for_ever(
    redis: Redis,
) -> None:
    keys = ("kiq:processes", "kiq:backups", "kiq:registrations")
    await join(redis, ME)
    copy = REGISTER(keys, (ME, 1))
    assert await redis.raw(*copy) == 0
    await leave(redis, ME)

    assert await redis.raw(*copy) == -1


async def test_a_thread_beats_by_the_command_alone(redis: Redis) -> None:
    await join(redis, ME)

    await redis.raw("SCRIPT", "FLUSH")

    assert read_beat(await redis.raw(*beat_command(ME))) is Beat.ALIVE

    assert await read_counters(redis) == {ME: 2}


async def test_a_beat_does_not_bring_the_buried_back(redis: Redis) -> None:
    await join(redis, ME, OTHER)
    await bury(redis, ME, 1)

    assert await beat(redis, ME) is Beat.BURIED

    assert await read_counters(redis) == {OTHER: 1}


async def test_who_leaves_with_jobs_leaves_them_in_a_grave(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1")
    await take(redis, "mail")

    assert not await leave(redis, ME)

    assert await read_graves(redis) == [ME]
    assert await read_counters(redis) == {}
    assert await held(redis) == 1


async def test_leaving_again_changes_nothing(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1")
    await take(redis, "mail")
    await leave(redis, ME)

    assert not await leave(redis, ME)

    assert await read_graves(redis) == [ME]
    assert await waiting(redis, "mail") == []


async def test_who_was_buried_with_empty_hands_closes_the_grave_by_leaving(
    redis: Redis,
) -> None:
    await join(redis, ME)
    await bury(redis, ME, 1)

    assert await leave(redis, ME)

    assert await redis.raw("KEYS", "kiq:*") == [b"kiq:registrations"]
