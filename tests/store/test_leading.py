"""The lead has one holder and a term that grows; each test needs one certain line."""

from redis.exceptions import ResponseError

from kiq_trio._store.leading import Lead, hide_leader, lead, resign, show_leader
from kiq_trio._wire.client import Redis
from tests.store.deeds import ME, OTHER

TTL = 30.0


async def time_left(redis: Redis) -> int:
    """Milliseconds until the lead is free."""
    left: int = await redis.raw("PTTL", "kiq:leader")
    return left


async def test_a_free_lead_is_taken_for_a_while(redis: Redis) -> None:
    assert await lead(redis, ME, ttl=TTL) == Lead(ME, 1)

    assert await redis.raw("GET", "kiq:leader") == ME.encode()
    assert await redis.raw("GET", "kiq:term") == b"1"
    assert 29_000 < await time_left(redis) <= 30_000


async def test_a_lead_is_not_taken_from_another(redis: Redis) -> None:
    await lead(redis, OTHER, ttl=20)

    assert await lead(redis, ME, ttl=TTL) == Lead(OTHER, 1)

    assert await lead(redis, ME, ttl=TTL, known=7) == Lead(OTHER, 1)
    assert await time_left(redis) <= 20_000


async def test_a_lead_is_renewed_under_the_same_term(redis: Redis) -> None:
    await lead(redis, ME, ttl=1)

    assert await lead(redis, ME, ttl=TTL, known=1) == Lead(ME, 1)

    assert await time_left(redis) > 29_000


async def test_the_term_grows_whenever_the_lead_changes_hands(redis: Redis) -> None:
    for term, identity in enumerate((ME, OTHER, ME, ME), 1):
        assert await lead(redis, identity, ttl=TTL) == Lead(identity, term)
        await redis.raw("DEL", "kiq:leader")


async def test_a_term_is_not_given_twice_though_redis_forgot_it(redis: Redis) -> None:
    for _ in range(5):
        await lead(redis, ME, ttl=TTL)
        await redis.raw("DEL", "kiq:leader")
    await redis.raw("FLUSHALL")

    assert await lead(redis, ME, ttl=TTL, known=5) == Lead(ME, 6)

    # A lead that came back with older data than its holder remembers is a new one.
    await redis.raw("SET", "kiq:term", 3)
    assert await lead(redis, ME, ttl=TTL, known=6) == Lead(ME, 7)


async def test_whoever_resigns_frees_the_lead(redis: Redis) -> None:
    await lead(redis, ME, ttl=TTL)

    assert await resign(redis, ME, 1)

    assert await lead(redis, OTHER, ttl=TTL) == Lead(OTHER, 2)


async def test_nobody_resigns_for_another(redis: Redis) -> None:
    await lead(redis, OTHER, ttl=TTL)

    assert not await resign(redis, ME, 1)

    assert await lead(redis, ME, ttl=TTL) == Lead(OTHER, 1)


async def test_a_late_resignation_does_not_end_a_later_lead(redis: Redis) -> None:
    await lead(redis, ME, ttl=TTL)
    await resign(redis, ME, 1)
    await lead(redis, ME, ttl=TTL)

    assert not await resign(redis, ME, 1)

    assert await lead(redis, OTHER, ttl=TTL) == Lead(ME, 2)


async def test_a_term_that_is_no_number_is_an_error_and_changes_nothing(
    redis: Redis,
) -> None:
    await redis.raw("SET", "kiq:term", "many")

    error = None
    try:
        await lead(redis, ME, ttl=TTL)
    except ResponseError as refusal:
        error = refusal

    assert error is not None
    assert await redis.raw("EXISTS", "kiq:leader") == 0


async def test_a_leader_is_shown_for_as_long_as_it_leads(redis: Redis) -> None:
    assert await show_leader(redis, ME, ttl=20)
    assert await show_leader(redis, ME, ttl=TTL)

    assert await redis.raw("GET", "dear-leader") == ME.encode()
    assert await redis.raw("PTTL", "dear-leader") > 20_000
    assert await hide_leader(redis, ME)
    assert await redis.raw("EXISTS", "dear-leader") == 0


async def test_the_leader_of_others_stays_the_one_that_is_shown(redis: Redis) -> None:
    await redis.raw("SET", "dear-leader", OTHER)

    assert not await show_leader(redis, ME, ttl=TTL)
    assert not await hide_leader(redis, ME)

    assert await redis.raw("GET", "dear-leader") == OTHER.encode()
