"""What only Ruby writes, and we read: iterations and profiles."""

from kiq_trio import Redis, api

DATA = b"\x1f\x8b gzip"


async def profile(redis: Redis, key: str, ends: float, **fields: object) -> None:
    await redis.raw("ZADD", "profiles", ends, key)
    await redis.raw("HSET", key, *(part for pair in fields.items() for part in pair))


async def test_it_is_seen_how_far_an_iterable_job_has_come(redis: Redis) -> None:
    await redis.raw("HSET", "it-a", "ex", 2, "c", '{"id":14}', "rt", 7.5)
    await redis.raw("HSET", "it-b", "cancelled", 5)

    state = await api.Iteration.read(redis, "a")
    states = await api.Iteration.read_many(redis, ["b", "c", "a", "a"])

    assert state is not None
    assert (state.executions, state.cursor, state.runtime) == (2, {"id": 14}, 7.5)
    assert state.cancelled_at is None
    assert states == {"a": state, "b": api.Iteration(0, None, 0.0, 5)}
    assert await api.Iteration.read(redis, "c") is None
    assert await api.Iteration.read_many(redis, []) == {}


async def test_profiles_are_listed_and_read(redis: Redis) -> None:
    await profile(
        redis,
        "mine-a",
        9e9,
        started_at=1795318252,
        token="mine",
        type="Mailer",
        jid="a",
        filename="mine-a.json",
        elapsed=1.25,
        size=7,
        data=DATA,
    )
    profiles = api.ProfileSet(redis)

    (one,) = [each async for each in profiles]

    assert (one.key, one.token, one.jid, one.type) == ("mine-a", "mine", "a", "Mailer")
    assert (one.started_at, one.elapsed, one.size) == (1795318252, 1.25, 7)
    assert (one.filename, one.expires_at) == ("mine-a.json", 9e9)
    assert await one.data() == DATA
    assert await profiles.size() == 1
    await redis.raw("UNLINK", "mine-a")
    assert await one.data() is None


async def test_what_is_no_profile_or_has_expired_is_left_out(redis: Redis) -> None:
    await profile(redis, "old-a", 5.0, token="old")
    await profile(redis, "odd-a", 9e9, token=b"\xff", size="x", elapsed="inf")
    await redis.raw("ZADD", "profiles", 9e9, "gone-a", 9e9, "list-a")
    await redis.raw("LPUSH", "list-a", "x")

    (one,) = await api.ProfileSet(redis).read()

    assert (one.key, one.token, one.size, one.elapsed) == ("odd-a", "�", 0, 0.0)
