"""A backup whose owner nobody remembers is found again."""

from kiq_trio._store.sweeping import adopt_strays
from kiq_trio._wire.client import Redis


async def test_a_backup_without_an_owner_becomes_known_again(redis: Redis) -> None:
    await redis.raw("HSET", "kiq:backup|lost", "q.1.0", b"q\n{}")

    assert await adopt_strays(redis) == ["lost"]
    assert await redis.raw("SISMEMBER", "kiq:backups", "lost") == 1
    assert await adopt_strays(redis) == []


async def test_a_backup_that_somebody_knows_of_is_left_alone(redis: Redis) -> None:
    for identity in ("registered", "listed", "buried"):
        await redis.raw("HSET", f"kiq:backup|{identity}", "q.1.0", b"q\n{}")
    await redis.raw("HSET", "kiq:processes", "registered", 1)
    await redis.raw("SADD", "kiq:backups", "listed")
    await redis.raw("SADD", "kiq:graves", "buried")

    assert await adopt_strays(redis) == []


async def test_strays_are_found_among_many_other_keys(redis: Redis) -> None:
    names = [part for n in range(3_000) for part in (f"other:{n}", "1")]
    await redis.raw("MSET", *names)
    for n in range(3):
        await redis.raw("HSET", f"kiq:backup|{n}", "q.1.0", b"q\n{}")

    assert await adopt_strays(redis) == ["0", "1", "2"]


async def test_where_there_is_nothing_nothing_is_written(redis: Redis) -> None:
    assert await adopt_strays(redis) == []
    assert await redis.raw("DBSIZE") == 0
