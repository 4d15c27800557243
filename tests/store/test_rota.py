"""The list of periodic jobs is right on every kind of server."""

from kiq_trio._store.rota import (
    forget_periodic,
    pause_periodic,
    read_periodics,
    write_periodics,
)
from kiq_trio._store.ticking import NewJob, Ticking, read_ticks, tick
from kiq_trio._wire.client import Redis

FIELDS = {
    "crontab": "@daily",
    "timezone": "Asia/Tokyo",
    "catch_up": 3,
    "worker": "Sweep",
    "queue": "low",
    "args": ["attic"],
}


async def test_what_was_written_is_read_with_its_ticks(redis: Redis) -> None:
    await write_periodics(redis, {"b": FIELDS, "a": {**FIELDS, "catch_up": "all"}})
    await tick(redis, [Ticking("a", "", "60", NewJob("low", b"1"))])
    await pause_periodic(redis, "b")

    a, b = await read_periodics(redis)

    assert (a.name, a.catch_up, a.last_tick, a.is_paused) == ("a", "all", 60, False)
    assert (b.name, b.catch_up, b.last_tick, b.is_paused) == ("b", 3, None, True)
    assert (b.worker, b.queue, b.args) == ("Sweep", "low", ["attic"])
    now = (await read_ticks(redis, ["a"])).now
    assert b.next_tick is not None
    assert 0 < b.next_tick - now <= 86_400
    # Midnight in Tokyo.
    assert b.next_tick % 86_400 == 15 * 3_600


async def test_what_was_written_by_others_is_listed_as_far_as_it_is_understood(
    redis: Redis,
) -> None:
    await redis.raw("HSET", "kiq:periodics", "a", "[]", "b", '{"crontab": 5}')
    await redis.raw("HSET", "kiq:ticks", "b", "long ago")

    listed = await read_periodics(redis)

    assert [(one.name, one.crontab, one.next_tick) for one in listed] == [
        ("a", "", None),
        ("b", "5", None),
    ]


async def test_what_is_forgotten_leaves_nothing(redis: Redis) -> None:
    await write_periodics(redis, {"a": FIELDS})
    await tick(redis, [Ticking("a", "", "60")])
    await pause_periodic(redis, "a")

    assert await forget_periodic(redis, "a")
    assert not await forget_periodic(redis, "a")

    assert await redis.raw("KEYS", "*") == []
