"""What a doctor reads, on both kinds of server."""

from kiq_trio._store.burying import bury
from kiq_trio._store.diagnosing import ping, read_facts
from kiq_trio._store.registering import register
from kiq_trio._wire.client import Redis
from tests.store.deeds import FUTURE, ME, join, put, take

RUBY = "ruby:7:0123456789ab"


async def test_an_empty_server_has_nothing_to_tell(redis: Redis) -> None:
    await ping(redis)
    facts = await read_facts(redis)

    assert facts.info["redis_version"]
    assert facts.time > 0
    assert facts.registered == facts.backups == facts.graves == facts.paused == set()
    assert not any((facts.shown, facts.waiting, facts.due_at, facts.misfits))
    assert facts.dead == 0


async def test_everything_that_is_there_is_read(redis: Redis) -> None:
    await join(redis, ME)
    await register(redis, "gone:1:x")
    assert await bury(redis, "gone:1:x", 1)
    await redis.raw("SADD", "processes", RUBY, "stale:8:y")
    await redis.raw("HSET", RUBY, "info", b"{}", "busy", "2")
    await redis.raw("SADD", "paused", "mail")
    await put(redis, "mail", b"1", b"2")
    await put(redis, "post", b"3")
    await take(redis, "post", limit=1)
    await redis.raw("ZADD", "schedule", FUTURE, b"4")
    await redis.raw("ZADD", "dead", 1, b"5")

    facts = await read_facts(redis)

    assert facts.registered == {ME}
    assert facts.graves == {"gone:1:x"}
    assert facts.backups == {ME, "gone:1:x"}
    assert facts.shown == {RUBY: {"info": b"{}", "busy": b"2"}, "stale:8:y": {}}
    assert facts.paused == {"mail"}
    assert facts.waiting == {"mail": 2, "post": 0}
    assert facts.due_at == {"schedule": FUTURE}
    assert facts.dead == 1
    assert facts.misfits == {}


async def test_a_key_of_a_wrong_type_is_told_and_taken_for_empty(
    redis: Redis,
) -> None:
    await redis.raw("SADD", "queues", "mail", "post")
    await redis.raw("SET", "queue:mail", "hello")
    await redis.raw("LPUSH", "queue:post", b"1")
    await redis.raw("SET", "schedule", "hello")
    await redis.raw("LPUSH", "dead", b"1")
    await redis.raw("SET", "kiq:processes", "hello")
    await redis.raw("SADD", "processes", RUBY)
    await redis.raw("SET", RUBY, "hello")

    facts = await read_facts(redis)

    assert facts.misfits == {
        "queue:mail": ("list", "string"),
        "schedule": ("zset", "string"),
        "dead": ("zset", "list"),
        "kiq:processes": ("hash", "string"),
        RUBY: ("hash", "string"),
    }
    assert facts.waiting == {"post": 1}
    assert facts.shown == {}
    assert facts.registered == set()
    assert (facts.dead, facts.due_at) == (0, {})


async def test_without_the_set_of_queues_there_are_none(redis: Redis) -> None:
    await redis.raw("SET", "queues", "hello")

    facts = await read_facts(redis)

    assert facts.misfits == {"queues": ("set", "string")}
    assert facts.waiting == {}
