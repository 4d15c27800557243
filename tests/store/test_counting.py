import pytest

from kiq_trio._store.counting import QueueSummary, read_queues, read_totals
from kiq_trio._wire.client import Redis
from tests.store.chores import lie_in, payload, wait_in
from tests.store.deeds import ME, OTHER, join, put, take


async def now(redis: Redis) -> float:
    seconds, micros = await redis.raw("TIME")
    return int(seconds) + int(micros) / 1_000_000


async def test_a_queue_is_seen_with_its_oldest_jobs_age(redis: Redis) -> None:
    since = int((await now(redis) - 100) * 1000)
    await wait_in(
        redis, "mail", payload("a", enqueued_at=since), payload("b", enqueued_at=1)
    )
    await redis.raw("SADD", "queues", "empty")
    await redis.raw("SADD", "paused", "low")

    empty, low, mail = await read_queues(redis)

    assert empty == QueueSummary(name="empty", size=0, latency=0.0, is_paused=False)
    assert low == QueueSummary(name="low", size=0, latency=0.0, is_paused=True)
    assert (mail.name, mail.size, mail.is_paused) == ("mail", 2, False)
    assert mail.latency == pytest.approx(100, abs=30)


async def test_a_job_that_does_not_say_since_when_has_not_waited(redis: Redis) -> None:
    ahead = int((await now(redis) + 1e6) * 1000)
    await wait_in(redis, "a", b"nonsense")
    await wait_in(redis, "b", payload("b"))
    await wait_in(redis, "c", payload("c", enqueued_at=ahead))

    assert [queue.latency for queue in await read_queues(redis)] == [0.0, 0.0, 0.0]


async def test_everything_is_counted(redis: Redis) -> None:
    await join(redis, ME, OTHER)
    await put(redis, "mail", b"1", b"2", b"3")
    await take(redis, "mail", limit=1)
    await lie_in(redis, "retry", b"4", b"5")
    await lie_in(redis, "dead", b"6")
    await redis.raw("SET", "stat:processed", 7)
    await redis.raw("SET", "stat:failed", "many")
    await redis.raw("SADD", "kiq:graves", "host:3:gone")
    await redis.raw("SADD", "processes", ME, "ruby:1:a")
    await redis.raw("HSET", "ruby:1:a", "busy", 2)

    totals = await read_totals(redis)

    assert (totals.processed, totals.failed) == (7, 0)
    assert (totals.enqueued, totals.scheduled_size) == (2, 0)
    assert (totals.retry_size, totals.dead_size) == (2, 1)
    assert (totals.processes_size, totals.workers_size) == (3, 2)
    assert (totals.held, totals.graves) == (1, 1)
    assert [queue.name for queue in totals.queue_summaries] == ["mail"]
    assert totals.latency == 0.0


async def test_an_empty_redis_counts_nothing(redis: Redis) -> None:
    totals = await read_totals(redis)

    assert (totals.enqueued, totals.processes_size) == (0, 0)
    assert totals.queue_summaries == ()
    assert totals.latency == 0.0
