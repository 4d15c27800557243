import json

import pytest

from kiq_trio._store.signalling import send_signal
from kiq_trio._store.watching import read_processes, read_running
from kiq_trio._wire.client import Redis
from tests.store.deeds import ME, join

RUBY = "vm:31416:0a84727fd372"
INFO = {
    "hostname": "vm",
    "pid": 31416,
    "tag": "app",
    "queues": ["old"],
    "capsules": {
        "default": {"concurrency": 5, "mode": "strict", "weights": {"a": 2, "b": 0}},
        "single": {"concurrency": 1, "mode": "strict", "weights": {"b": 0, "c": 0}},
    },
    "identity": RUBY,
    "embedded": False,
}


async def show(redis: Redis, identity: str, **fields: object) -> None:
    await redis.raw("SADD", "processes", identity)
    await redis.raw(
        "HSET", identity, *(str(part) for pair in fields.items() for part in pair)
    )


async def test_a_process_of_ruby_is_seen_as_it_shows_itself(redis: Redis) -> None:
    seconds, _ = await redis.raw("TIME")
    beat = int(seconds) - 7.5
    await show(
        redis,
        RUBY,
        info=json.dumps(INFO),
        concurrency=6,
        busy=2,
        beat=beat,
        rtt_us=74,
        rss=27936,
        quiet="true",
    )

    (process,) = await read_processes(redis)

    assert (process.identity, process.concurrency, process.busy) == (RUBY, 6, 2)
    assert (process.beat, process.rtt_us, process.rss) == (beat, 74, 27936)
    assert process.age == pytest.approx(7.5, abs=30)
    assert process.queues == ["a", "b", "c"]
    assert process.is_quiet
    assert process.is_shown
    assert not process.is_registered
    assert not process.is_embedded


async def test_a_process_that_shows_nothing_is_seen_if_it_is_registered(
    redis: Redis,
) -> None:
    await join(redis, ME)
    await redis.raw("SADD", "processes", "gone:1:a")

    (process,) = await read_processes(redis)

    assert process.identity == ME
    assert process.is_registered
    assert not process.is_shown
    assert (process.concurrency, process.queues, process.age) == (0, [], 0.0)


async def test_an_older_sidekiq_tells_its_queues_and_threads_elsewhere(
    redis: Redis,
) -> None:
    info = {"concurrency": 3, "queues": ["default", "low"], "identity": RUBY}
    await show(redis, RUBY, info=json.dumps(info), busy="", beat="soon")

    (process,) = await read_processes(redis)

    assert (process.concurrency, process.queues) == (3, ["default", "low"])
    assert (process.busy, process.beat, process.age) == (0, 0.0, 0.0)


async def test_nonsense_does_not_hide_a_process(redis: Redis) -> None:
    await show(redis, RUBY, info="[1]", concurrency="six")

    (process,) = await read_processes(redis)

    assert (process.info, process.concurrency, process.queues) == ({}, 0, [])


async def test_what_runs_is_seen_the_longest_first(redis: Redis) -> None:
    job = {"class": "A", "args": [], "jid": "a"}
    text = {"queue": "low", "payload": json.dumps(job), "run_at": 200}
    old = {"queue": "low", "payload": {**job, "jid": "b"}, "run_at": 100}
    await redis.raw("SADD", "processes", RUBY, ME)
    await redis.raw("HSET", f"{RUBY}:work", "t1", json.dumps(text))
    await redis.raw("HSET", f"{ME}:work", "t2", json.dumps(old), "t3", "nonsense")

    nonsense, older, newer = await read_running(redis)

    assert (nonsense.thread, nonsense.job, nonsense.run_at) == ("t3", None, 0.0)
    assert (older.identity, older.queue, older.run_at) == (ME, "low", 100)
    assert older.job is not None
    assert older.job.jid == "b"
    assert newer.job is not None
    assert (newer.identity, newer.thread, newer.job.jid) == (RUBY, "t1", "a")


async def test_nobody_runs_anything_in_an_empty_redis(redis: Redis) -> None:
    assert await read_processes(redis) == []
    assert await read_running(redis) == []


async def test_a_signal_is_found_by_its_process_once(redis: Redis) -> None:
    await send_signal(redis, RUBY, "TSTP")
    await send_signal(redis, RUBY, "TERM")
    await send_signal(redis, RUBY, "TSTP")

    assert await redis.raw("RPOP", f"{RUBY}-signals") == b"TERM"
    assert await redis.raw("RPOP", f"{RUBY}-signals") == b"TSTP"
    assert await redis.raw("EXISTS", f"{RUBY}-signals") == 0


async def test_a_signal_is_forgotten_after_a_minute(redis: Redis) -> None:
    await send_signal(redis, RUBY, "TTIN")

    assert await redis.raw("TTL", f"{RUBY}-signals") == 60
