"""`ProcessSet` and `WorkSet`: who is there, and what runs."""

import json
from typing import Any

import pytest
import trio

from kiq_trio import ConfigError, Redis, Timing, api, worker
from tests.journey.conftest import KiqMaker, Recorder
from tests.store.chores import payload
from tests.store.deeds import ME, join

RUBY = "vm:31416:0a84727fd372"
INFO = {
    "hostname": "vm",
    "pid": 31416,
    "started_at": 1795318252.5,
    "tag": "app",
    "labels": ["reliable"],
    "version": "8.1.7",
    "capsules": {"default": {"weights": {"a": 2, "b": "x"}}, "odd": 5},
    "identity": RUBY,
    "embedded": False,
}


async def show(redis: Redis, identity: str = RUBY, **changes: Any) -> None:
    await redis.raw("SADD", "processes", identity)
    said = json.dumps({**INFO, **changes})
    fields = ("info", said, "concurrency", 6, "busy", 2, "rss", 27936, "quiet", "true")
    await redis.raw("HSET", identity, *fields)


@worker()
async def linger(_seconds: float) -> None:
    await trio.sleep(60)


async def test_a_process_says_what_ruby_says_of_it(redis: Redis) -> None:
    await show(redis)
    await redis.raw("SET", "kiq:leader", RUBY)
    processes = api.ProcessSet(redis)

    (process,) = [one async for one in processes]

    assert (process.hostname, process.pid, process.tag) == ("vm", 31416, "app")
    assert (process.labels, process.version) == (["reliable"], "8.1.7")
    assert (process.queues, process.weights) == (["a", "b"], {"a": 2, "b": 0})
    assert process.capsules == {"default": {"weights": {"a": 2, "b": "x"}}}
    assert process.started_at == 1795318252.5
    assert (process.busy, process.rss) == (2, 27936)
    assert process.is_quiet
    assert process.is_leader
    assert await processes.leader() == RUBY
    assert await processes.get(RUBY) == process
    assert await processes.get("nobody") is None
    assert await processes.size() == 1
    assert await processes.total_concurrency() == 6
    assert await processes.total_rss_in_kb() == 27936


async def test_the_leader_of_enterprise_is_shown_before_ours(redis: Redis) -> None:
    await show(redis)
    await join(redis, ME)
    await redis.raw("SET", "kiq:leader", ME)
    await redis.raw("SET", "dear-leader", RUBY)
    processes = api.ProcessSet(redis)

    assert await processes.leader() == RUBY
    assert [one.is_leader async for one in processes] == [True, True]

    await redis.raw("DEL", "dear-leader")
    await redis.raw("SADD", "dear-leader", "of another kind")
    assert await processes.leader() == ME


async def test_a_process_that_says_little_is_seen_all_the_same(redis: Redis) -> None:
    nothing = dict.fromkeys(("tag", "version", "capsules", "hostname"))
    await show(redis, RUBY, labels="x", pid="x", started_at="x", **nothing)

    process = await api.ProcessSet(redis).get(RUBY)

    assert process is not None
    assert (process.hostname, process.pid, process.tag) == ("", 0, "")
    assert (process.labels, process.version) == ([], None)
    assert (process.queues, process.weights, process.started_at) == ([], {}, None)
    assert not process.is_leader
    assert await api.ProcessSet(redis).leader() is None


@pytest.mark.parametrize("weights", [[{"a": 2}, {"b": 0}], {"a": 2, "b": 0}])
async def test_a_process_of_before_there_were_capsules_says_how_it_prefers_queues(
    redis: Redis, weights: Any
) -> None:
    # A list since Sidekiq 7.0.3, a single object in 7.0.2 (wire.md §4.3).
    await show(redis, weights=weights, queues=["a", "b"], capsules=None)

    process = await api.ProcessSet(redis).get(RUBY)

    assert process is not None
    assert process.weights == {"a": 2, "b": 0}
    assert process.queues == ["a", "b"]
    assert process.capsules == {}


NO_NUMBERS = ["inf", "nan", "-inf", "1e400", "9" * 5_000, "x", ""]


@pytest.mark.parametrize("value", NO_NUMBERS)
async def test_a_number_that_cannot_be_counts_nothing(redis: Redis, value: str) -> None:
    capsules = {"default": {"weights": {"a": value}}}
    await show(redis, pid=value, concurrency=10**400, capsules=capsules)
    numbers = ("busy", "rss", "rtt_us", "beat")
    await redis.raw("HDEL", RUBY, "concurrency")
    await redis.raw("HSET", RUBY, *(x for one in numbers for x in (one, value)))
    await redis.raw("HSET", f"{RUBY}:work", "t", f'{{"run_at":"{value}"}}')

    process = await api.ProcessSet(redis).get(RUBY)
    (work,) = await api.WorkSet(redis).read()

    assert process is not None
    assert (process.busy, process.rss, process.rtt_us, process.pid) == (0, 0, 0, 0)
    assert (process.beat, process.age, process.concurrency) == (0, 0, 0)
    assert process.weights == {"a": 0}
    assert work.run_at == 0
    assert (await api.Stats.read(redis)).workers_size == 0


async def test_what_is_no_process_hides_no_other(redis: Redis) -> None:
    await show(redis)
    row = {"queue": "low", "payload": payload("a").decode(), "run_at": 1}
    await redis.raw("HSET", f"{RUBY}:work", "t", json.dumps(row))
    await redis.raw("SADD", "processes", "odd", "other", b"\xff")
    await redis.raw("SET", "odd", "a string")
    await redis.raw("SET", "other:work", "a string")

    assert [one.identity async for one in api.ProcessSet(redis)] == [RUBY]
    assert [one.job.jid async for one in api.WorkSet(redis)] == ["a"]
    assert (await api.Stats.read(redis)).workers_size == 2


async def test_who_has_vanished_is_taken_off_the_list_once_a_minute(
    redis: Redis,
) -> None:
    await show(redis)
    await redis.raw("SADD", "processes", "gone", "away")
    processes = api.ProcessSet(redis)

    assert await processes.cleanup() == 2
    await redis.raw("SADD", "processes", "late")
    assert await processes.cleanup() == 0

    assert await redis.raw("SCARD", "processes") == 2
    assert 0 < await redis.raw("TTL", "process_cleanup") <= 60
    assert [one.identity async for one in processes] == [RUBY]


async def test_a_process_finds_what_it_is_asked_for(redis: Redis) -> None:
    await show(redis)
    process = await api.ProcessSet(redis).get(RUBY)
    assert process is not None

    await process.quiet()
    await process.stop()
    await process.dump_threads()

    asked = await redis.raw("LRANGE", f"{RUBY}-signals", 0, -1)
    assert asked == [b"TTIN", b"TERM", b"TSTP"]


async def test_a_process_that_would_not_obey_is_not_asked(redis: Redis) -> None:
    await show(redis, embedded=True)
    await join(redis, ME)
    silent, embedded = await api.ProcessSet(redis).read()

    with pytest.raises(ConfigError, match="is part of a program, and obeys no TERM"):
        await embedded.stop()
    with pytest.raises(ConfigError, match="is silent, and obeys no TTIN"):
        await silent.dump_threads()
    await embedded.dump_threads()

    assert await redis.raw("LRANGE", f"{RUBY}-signals", 0, -1) == [b"TTIN"]


async def test_what_runs_is_shown_with_its_job(redis: Redis) -> None:
    await show(redis)
    row = {"queue": "low", "payload": payload("a").decode(), "run_at": 1795318252}
    old = {"queue": "low", "payload": json.loads(payload("b")), "run_at": 1795318253}
    deep = json.loads("[" * 150 + "]" * 150)
    odd = {
        "queue": "low",
        "payload": {"class": "A", "args": deep},
        "run_at": 1795318254,
    }
    rows = [
        part for n, one in enumerate((row, old, odd)) for part in (n, json.dumps(one))
    ]
    await redis.raw("HSET", f"{RUBY}:work", *rows)
    works = api.WorkSet(redis)

    first, second, third = [one async for one in works]

    assert (first.process_id, first.thread_id, first.queue) == (RUBY, "0", "low")
    assert (first.run_at, first.payload) == (1795318252, payload("a"))
    assert (first.job.jid, first.job.display_class) == ("a", "Mailer")
    assert (second.job.jid, third.job.job) == ("b", None)
    assert await works.find_work("b") == second
    assert await works.find_work("z") is None
    assert await works.find(klass="Mailer", queue="low") == [first, second]
    assert await works.find(queue="mail") == []
    assert await works.size() == 2


async def test_our_own_process_and_its_work_are_seen(
    autojump_clock: object, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[linger], timing=Timing()) as kiq:
        stored = await kiq.enqueue(linger.new(60))
        await recorder.heard("Started")
        await trio.sleep(30)

        (process,) = [one async for one in api.ProcessSet(kiq.redis)]
        (work,) = [one async for one in api.WorkSet(kiq.redis)]

    assert process.busy == 1
    assert work.process_id == process.identity
    assert work.job.job == stored
