from kiq_trio._store.clearing import clear
from kiq_trio._store.inspecting import count_jobs
from kiq_trio._store.registering import Beat, beat, register
from kiq_trio._store.settling import Ack, Requeue, Settled
from kiq_trio._wire.client import Redis
from tests.store.deeds import FUTURE, ME, held, join, move, put, take


async def test_jobs_are_counted_over_queues_and_where_they_are_held(
    redis: Redis,
) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2")
    await put(redis, "post", b"3")
    await take(redis, "mail", limit=1)

    assert await count_jobs(redis, ["mail", "post", "nothing"], ME) == 3
    assert await count_jobs(redis, ["mail", "post", "nothing"]) == 2
    assert await count_jobs(redis, []) == 0


async def test_what_waits_in_a_paused_queue_is_not_counted(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2")
    await put(redis, "post", b"3")
    await take(redis, "mail", limit=1)
    await redis.raw("SADD", "paused", "mail")

    assert await count_jobs(redis, ["mail", "post"], ME) == 2


async def test_every_job_is_thrown_away(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2")
    await put(redis, "post", b"3")
    await take(redis, "mail", limit=1)
    for key in ("schedule", "retry", "dead"):
        await redis.raw("ZADD", key, FUTURE, b"4")

    await clear(redis)

    places = ("queue:mail", "queue:post", "queues", "schedule", "retry", "dead")
    assert await redis.raw("EXISTS", *places) == 0
    assert await held(redis) == 0


async def test_a_living_process_goes_on_after_a_clear(redis: Redis) -> None:
    number = await register(redis, ME)
    await put(redis, "mail", b"1", b"2")
    one, two = await take(redis, "mail", call=1)

    await clear(redis)

    assert await beat(redis, ME, number) is Beat.ALIVE
    assert await move(redis, (one, Ack())) == [Settled.GONE]
    assert await move(redis, (two, Requeue())) == [Settled.GONE]
    await put(redis, "mail", b"3", number=2)
    assert await take(redis, "mail", call=1) == [], "a late copy finds nothing"
    assert len(await take(redis, "mail", call=2)) == 1


async def test_keys_of_others_are_left_alone(redis: Redis) -> None:
    await redis.raw("SET", "queue-like", "theirs")
    await redis.raw("LPUSH", "queue:unlisted", "theirs")

    await clear(redis)

    assert await redis.raw("EXISTS", "queue-like", "queue:unlisted") == 2


async def test_an_empty_redis_can_be_cleared(redis: Redis) -> None:
    await clear(redis)

    assert await redis.raw("DBSIZE") == 0
