"""What is due goes to its queue, all of it, and nothing before its time."""

import itertools
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import trio
from redis.exceptions import NoPermissionError, OutOfMemoryError
from trio.testing import MockClock

from kiq_trio._background import background
from kiq_trio._conversions import SCHEDULERS
from kiq_trio._fields import WriteTime, to_ms
from kiq_trio._keeping import restore
from kiq_trio._services.stager import Stager
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command
from kiq_trio.job import Job
from tests.conftest import EPOCH
from tests.unkind import Fate, UnkindServer, touches

POLL = 5.0


def make_stager(
    redis: Redis,
    server: UnkindServer,
    *,
    poll: float = POLL,
    chance: Callable[[], float] = lambda: 0.5,
    write_time: WriteTime = to_ms,
) -> Stager:
    return Stager(redis, server, SCHEDULERS, poll, server.clock, chance, write_time)


def job(name: int, queue: str = "q") -> bytes:
    return Job(job_class="A", jid=str(name), queue=queue).encode()


async def schedule(redis: Redis, at: float, *payloads: bytes, key: str) -> None:
    pairs = itertools.chain.from_iterable(
        (repr(at + n * 1e-3), payload) for n, payload in enumerate(payloads)
    )
    await redis.raw("ZADD", key, *pairs)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]


async def staged(redis: Redis, queue: str = "q") -> list[str]:
    payloads = await redis.raw("LRANGE", f"queue:{queue}", 0, -1)
    return [Job.decode(payload).jid for payload in reversed(payloads)]


@pytest.mark.parametrize("key", SCHEDULERS)
async def test_all_that_is_due_is_staged_at_once_however_much(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer, key: str
) -> None:
    names = range(650)
    await schedule(redis, EPOCH - 60, *map(job, names), key=key)

    await make_stager(redis, unkind).stage_all()

    assert await staged(redis) == [str(n) for n in names]
    assert await redis.raw("EXISTS", key) == 0
    assert await redis.raw("SISMEMBER", "queues", "q") == 1


async def test_exactly_one_full_page_is_staged_too(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await schedule(redis, EPOCH - 60, *map(job, range(200)), key="retry")

    await make_stager(redis, unkind).stage_all()

    assert len(await staged(redis)) == 200


async def test_others_run_each_time_that_so_many_jobs_were_read(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    turns = 0
    seen: list[int] = []

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    def now() -> float:
        # Asked once for each piece of what is due.
        seen.append(turns)
        return EPOCH

    await schedule(redis, EPOCH - 60, *map(job, range(1_000)), key="schedule")
    stager = make_stager(redis, unkind)
    stager.now = now
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        await stager.stage_all()
        nursery.cancel_scope.cancel()

    assert len(seen) == 5
    # Two pieces in a row may fall between two turns, in whatever order Trio runs us.
    assert all(after > before for before, after in zip(seen, seen[2:], strict=False))


async def test_thousands_of_jobs_take_few_round_trips(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    names = range(3_000)
    await schedule(redis, EPOCH - 60, *map(job, names), key="schedule")
    trips: list[int] = []

    def note(commands: Sequence[Command]) -> Fate:
        trips.append(len(commands))
        return "delivered"

    unkind.fate = note
    await make_stager(redis, unkind).stage_all()

    # One to look at a thousand and one to move them, and a few others.
    assert len(trips) < 15
    assert len(await staged(redis)) == len(names)


async def test_a_staged_job_says_when_and_is_not_scheduled_any_more(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    payload = b'{"class":"A","args":[1],"jid":"1","at":1.5,"queue":"q","x":null}'
    await schedule(redis, EPOCH, payload, key="schedule")
    await trio.sleep(7)

    await make_stager(redis, unkind).stage_all()

    [found] = await redis.raw("LRANGE", "queue:q", 0, -1)
    kept = Job.decode(found)
    assert kept.enqueued_at == EPOCH + 7
    assert b'"at"' not in found
    assert kept.args == [1]


async def test_what_is_no_job_goes_to_the_dead_set_and_is_kept(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    no_mail = (
        b'{"class":"Sidekiq::ActiveJob::Wrapper","wrapped":"A","args":[1],"jid":"2"}'
    )
    others = (b"junk", b"[]", no_mail)
    await schedule(redis, EPOCH - 60, job(1), *others, key="schedule")

    await make_stager(redis, unkind).stage_all()

    assert await staged(redis) == ["1"]
    dead = await redis.raw("ZRANGE", "dead", 0, -1)
    assert sorted(map(restore, dead)) == sorted(others)
    # Ruby shows as text what it cannot read; the others have to become a job.
    assert sorted(one in others for one in dead) == [False, False, True]
    assert caplog.text.count("schedule held a payload") == 3


async def test_nobody_is_told_of_the_dead_before_they_are_dead(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await redis.raw("SET", "dead", "of a wrong type")
    await schedule(redis, EPOCH - 60, b"junk", job(1), key="schedule")
    stager = make_stager(redis, unkind)

    for _ in range(3):
        await stager.stage_all()
    assert await staged(redis) == ["1"]
    assert "in the dead set now" not in caplog.text

    await redis.raw("DEL", "dead")
    await stager.stage_all()
    assert caplog.text.count("in the dead set now") == 1


async def test_nothing_is_staged_before_its_time_and_soon_after_it(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await schedule(redis, EPOCH + 1_000, job(1), key="schedule")
    async with background(make_stager(redis, unkind, poll=86_400).run):
        await trio.sleep(999.9)
        assert await staged(redis) == []
        await trio.sleep(0.15)

        assert await staged(redis) == ["1"]


async def test_in_process_a_write_is_noticed_at_once(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with background(make_stager(redis, unkind, poll=86_400).run):
        await trio.sleep(10)
        await schedule(redis, EPOCH + 20, job(1), key="retry")
        await trio.sleep(10.1)

        assert await staged(redis) == ["1"]


@pytest.mark.parametrize(
    ("processes", "chance", "seconds"),
    [
        (0, 0.5, 5.0),
        (1, 0.0, 2.5),
        (1, 1.0, 7.5),
        (4, 0.5, 20.0),
        (9, 0.0, 22.5),
        (10, 0.5, 50.0),
        (10, 0.1, 10.0),
        (100, 0.5, 500.0),
    ],
)
async def test_the_more_processes_there_are_the_less_each_of_them_looks(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    processes: int,
    chance: float,
    seconds: float,
) -> None:
    for n in range(processes):
        await redis.raw("SADD", "processes", f"p{n}")
        await redis.raw("HSET", f"p{n}", "info", "{}")

    stager = make_stager(redis, unkind, chance=lambda: chance)

    assert await stager.stage_all() == pytest.approx(seconds)


async def test_a_process_that_vanished_slows_nobody_down(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await redis.raw("SADD", "processes", "dead", "alive")
    await redis.raw("HSET", "alive", "info", "{}")

    await make_stager(redis, unkind).stage_all()

    assert await redis.raw("SMEMBERS", "processes") == [b"alive"]
    # Whoever else looks within the minute need not.
    await redis.raw("SADD", "processes", "dead")
    await make_stager(redis, unkind).stage_all()
    assert await redis.raw("SCARD", "processes") == 2
    assert await redis.raw("TTL", "process_cleanup") == 60


async def test_what_is_staged_keeps_its_fields_as_they_were(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    payload = (
        b'{"retry":"5","queue":"q","at":1.5,"args":[1],"class":"A","x":null,'
        b'"jid":"1","created_at":1795318838.2707376,"big":1000000000000000000000000}'
    )
    await schedule(redis, EPOCH, payload, key="schedule")

    await make_stager(redis, unkind, write_time=float).stage_all()

    [found] = await redis.raw("LRANGE", "queue:q", 0, -1)
    kept = payload.replace(b'"at":1.5,', b"")[:-1]
    assert found == kept + b',"enqueued_at":%r}' % EPOCH


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (b'"args":7', {"args": 7}),
        (b'"tags":"a"', {"tags": ["a"], "kiq_kept": {"tags": "a"}}),
        (b'"cattr":"a"', {"kiq_kept": {"cattr": "a"}}),
        (b'"encrypt":true,"args":[]', {"args": [], "kiq_kept": {"encrypt": True}}),
    ],
)
async def test_what_sidekiq_would_lose_or_break_on_goes_to_the_dead_set(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    fields: bytes,
    shown: dict[str, Any],
) -> None:
    given = b'{"class":"A","jid":"1","queue":"q",%s}' % fields
    await schedule(redis, EPOCH - 60, given, key="retry")

    await make_stager(redis, unkind).stage_all()

    # With what the page of a dead job wants, or it would break there (wire.md §8.2).
    usual = {"class": "A", "jid": "1", "queue": "q", "failed_at": int(EPOCH * 1000)}
    [found] = await redis.raw("ZRANGE", "dead", 0, -1)
    assert json.loads(found) == usual | shown
    assert await staged(redis) == []


async def test_what_is_missing_is_filled_in_as_sidekiq_does(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await schedule(redis, EPOCH - 60, b'{"class":"A"}', key="schedule")

    await make_stager(redis, unkind).stage_all()

    [found] = await redis.raw("LRANGE", "queue:default", 0, -1)
    now = int(EPOCH * 1000)
    fields = json.loads(found)
    assert len(fields.pop("jid")) == 24
    assert fields == {
        "class": "A",
        "args": [],
        "queue": "default",
        "retry": True,
        "created_at": now,
        "enqueued_at": now,
    }


async def test_an_outage_delays_what_is_due_and_no_more(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await schedule(redis, EPOCH + 100, job(1), key="schedule")
    fates: Iterator[Fate] = iter((*("delivered",) * 9, "request lost"))
    unkind.fate = lambda _: next(fates, "delivered")
    async with background(make_stager(redis, unkind).run):
        await trio.sleep(50)
        assert next(fates, None) is None
        unkind.go_away()
        await trio.sleep(100)
        unkind.come_back()
        await trio.sleep(2 * POLL)

        assert await staged(redis) == ["1"]


async def test_an_error_that_lasts_is_logged_once_and_asked_about_again(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.stager")
    await redis.raw("SET", "retry", "a string")
    await schedule(redis, EPOCH, job(1), key="schedule")
    async with background(make_stager(redis, unkind).run):
        await trio.sleep(60)
        # One set that cannot be read keeps no other from being staged.
        assert await staged(redis) == ["1"]
        [error] = errors(caplog)
        assert error.startswith("what is due in retry has to wait: WRONGTYPE")

        await redis.raw("DEL", "retry")
        await schedule(redis, EPOCH, job(2), key="retry")
        await trio.sleep(2 * POLL)

        assert await staged(redis) == ["1", "2"]
        assert "what is due in retry is staged again" in caplog.text


async def test_no_list_of_processes_keeps_a_due_job_from_being_staged(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.stager")
    await redis.raw("SET", "processes", "a string")
    await schedule(redis, EPOCH, job(1), key="schedule")
    async with background(make_stager(redis, unkind).run):
        await trio.sleep(60)
        assert await staged(redis) == ["1"]
        [error] = errors(caplog)
        assert error.startswith("those who look for due jobs cannot be counted: WRONG")

        await redis.raw("DEL", "processes")
        await trio.sleep(2 * POLL)

        assert caplog.text.count("those who look for due jobs are counted again") == 1


async def test_what_is_no_process_keeps_none_from_being_taken_off_the_list(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await redis.raw("SET", "odd", "a string")
    await redis.raw("HSET", "alive", "info", "{}")
    await redis.raw("SADD", "processes", "odd", "alive", "dead")

    assert await make_stager(redis, unkind).stage_all() == POLL

    assert await redis.raw("SMEMBERS", "processes") == [b"alive"]


async def test_a_process_that_we_may_not_look_at_stays_on_the_list(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await redis.raw("SADD", "processes", "dead", "hidden")
    unkind.refusal = lambda command: (
        NoPermissionError("this user has no permissions")
        if touches(command, b"hidden")
        else None
    )

    assert await make_stager(redis, unkind).stage_all() == POLL

    assert await redis.raw("SMEMBERS", "processes") == [b"hidden"]


async def test_in_a_full_redis_processes_are_counted_and_due_jobs_staged(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    for name in ("one", "other"):
        await redis.raw("HSET", name, "info", "{}")
        await redis.raw("SADD", "processes", name)
    await schedule(redis, EPOCH, job(1), key="schedule")
    unkind.refusal = lambda command: (
        OutOfMemoryError("OOM command not allowed") if command[0] == "SET" else None
    )

    assert await make_stager(redis, unkind).stage_all() == 2 * POLL

    assert await staged(redis) == ["1"]


async def test_a_queue_and_a_set_of_one_name_are_two_troubles_and_end_apart(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await redis.raw("SET", "queue:retry", "a string")
    await schedule(redis, EPOCH - 60, job(1, "retry"), key="schedule")
    stager = make_stager(redis, unkind, poll=100.0)
    await stager.stage_all()
    await redis.raw("SET", "retry", "a string")
    await stager.stage_all()
    assert len(errors(caplog)) == 2

    # What was due is deleted: nothing is left to be asked about so often.
    await redis.raw("DEL", "schedule", "retry")

    assert await stager.stage_all() == 100
    await schedule(redis, EPOCH - 60, job(1, "retry"), key="schedule")
    await stager.stage_all()
    assert len(errors(caplog)) == 3


async def test_a_queue_that_refuses_keeps_no_other_job_from_being_staged(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await redis.raw("SET", "queue:bad", "a string")
    bad = [job(n, "bad") for n in range(250)]
    await schedule(redis, EPOCH - 60, *bad, job(1000), key="schedule")
    async with background(make_stager(redis, unkind).run):
        await trio.sleep(60)
        assert await staged(redis) == ["1000"]
        assert await redis.raw("ZCARD", "schedule") == 250
        assert 1 <= caplog.text.count("WRONGTYPE") < 5

        await redis.raw("DEL", "queue:bad")
        await trio.sleep(60)

        assert len(await staged(redis, "bad")) == 250
