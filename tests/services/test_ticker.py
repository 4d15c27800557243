"""Each tick has its job once, whoever is there, dies, or comes late."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Periodic, worker
from kiq_trio._background import background
from kiq_trio._services.ticker import Ticker
from kiq_trio._store.rota import pause_periodic, read_periodics, resume_periodic
from kiq_trio._store.scripts import TICK
from kiq_trio._wire.client import Redis
from kiq_trio.job import Job
from tests.conftest import EPOCH
from tests.store.direct import LINE, Commands, DirectServer, script_of
from tests.unkind import Fate, UnkindServer

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


@worker(queue="q")
async def work(*args: int) -> None: ...


def make_ticker(
    redis: Redis, *periodics: Periodic, skew: float = 0.0, longest: float = DAY
) -> Ticker:
    now = EPOCH + skew
    return Ticker(redis, periodics, longest, lambda: now, lambda: 0.5)


def every(crontab: str, **options: Any) -> Periodic:
    return Periodic(crontab, work, **options)


async def ticks(redis: Redis, queue: str = "q") -> list[float]:
    """For which ticks there are jobs, in seconds from the start, the oldest first."""
    payloads = await redis.raw("LRANGE", f"queue:{queue}", 0, -1)
    jobs = [Job.decode(payload) for payload in reversed(payloads)]
    return [job.tick - EPOCH for job in jobs if job.tick is not None]


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]


async def test_a_job_is_enqueued_at_each_tick_and_soon(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with background(make_ticker(redis, every("*/10 * * * *")).run):
        await trio.sleep(10 * MINUTE - 0.1)
        assert await ticks(redis) == []
        await trio.sleep(0.2)
        assert await ticks(redis) == [10 * MINUTE]
        await trio.sleep(HOUR)

        assert await ticks(redis) == [n * 10 * MINUTE for n in range(1, 8)]
        assert await redis.raw("SISMEMBER", "queues", "q") == 1


async def test_what_was_due_before_it_was_first_heard_of_is_no_concern(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await make_ticker(redis, every("* * * * *", catch_up="all")).tick_all()

    assert await ticks(redis) == []
    assert int(await redis.raw("HGET", "kiq:ticks", "work * * * * * UTC")) == EPOCH


async def test_several_services_on_one_server_enqueue_each_job_once(
    autojump_clock: MockClock, redis: Redis
) -> None:
    # Their clocks differ by a minute and more, and nobody leads.
    tickers = [
        make_ticker(redis, every("* * * * *"), every("@hourly", args=[1]), skew=skew)
        for skew in (0, -MINUTE, MINUTE, 600 * MINUTE)
    ]
    async with trio.open_nursery() as nursery:
        for ticker in tickers:
            nursery.start_soon(ticker.run)
        await trio.sleep(2 * HOUR + 1)
        nursery.cancel_scope.cancel()

    found = await ticks(redis)
    assert len(found) == 120 + 2
    assert sorted(set(found)) == [n * MINUTE for n in range(1, 121)]


async def test_a_job_is_as_its_periodic_says(
    autojump_clock: MockClock, redis: Redis
) -> None:
    one = every("@hourly", args=[1, 2], options={"queue": "low", "retry": 1})
    async with background(make_ticker(redis, one).run):
        await trio.sleep(HOUR + 1)

    [payload] = await redis.raw("LRANGE", "queue:low", 0, -1)
    job = Job.decode(payload)
    assert (job.job_class, [*job.args], job.retry) == ("work", [1, 2], 1)
    assert job.jid == one.job_for(int(EPOCH + HOUR)).jid
    assert job.created_at == job.enqueued_at == EPOCH


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [("latest", [5]), ("skip", []), ("all", [1, 2, 3, 4, 5]), (2, [4, 5])],
)
async def test_after_a_restart_what_was_missed_is_made_up_for(
    autojump_clock: MockClock, redis: Redis, catch_up: Any, expected: list[int]
) -> None:
    one = every("*/10 * * * *", catch_up=catch_up)
    await make_ticker(redis, one).tick_all()
    await trio.sleep(52 * MINUTE)

    again = make_ticker(redis, one)
    await again.tick_all()
    await again.tick_all()

    assert await ticks(redis) == [n * 10 * MINUTE for n in expected]


async def test_much_that_was_missed_is_made_up_for_in_order(
    autojump_clock: MockClock, redis: Redis
) -> None:
    one = every("* * * * *", catch_up="all")
    await make_ticker(redis, one).tick_all()
    await trio.sleep(5 * HOUR)

    async with background(make_ticker(redis, one).run):
        await trio.sleep(1)

    assert await ticks(redis) == [n * MINUTE for n in range(1, 301)]


async def test_a_late_copy_of_a_tick_does_nothing(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with background(make_ticker(redis, every("* * * * *")).run):
        await trio.sleep(3 * MINUTE + 1)
    expected = await ticks(redis)
    copies = [one for one in unkind.asked if script_of(one)]
    assert len(copies) == 4

    replies = await redis.send(copies)

    assert replies == [b"late"] * 4
    assert await ticks(redis) == expected


async def test_a_paused_periodic_passes_its_ticks_and_makes_up_for_none(
    autojump_clock: MockClock, redis: Redis
) -> None:
    one = every("* * * * *", catch_up="all", name="minutely")
    async with background(make_ticker(redis, one).run):
        await trio.sleep(MINUTE + 1)
        await pause_periodic(redis, "minutely")
        await trio.sleep(3 * MINUTE)
        await resume_periodic(redis, "minutely")
        await trio.sleep(MINUTE)

        assert await ticks(redis) == [MINUTE, 5 * MINUTE]


async def test_a_unique_job_is_not_enqueued_while_another_one_has_its_lock(
    autojump_clock: MockClock, redis: Redis
) -> None:
    @worker(queue="q", unique_for=2.5 * MINUTE)
    async def unique() -> None: ...

    one = Periodic("* * * * *", unique, catch_up="all")
    async with background(make_ticker(redis, one).run):
        await trio.sleep(6 * MINUTE + 1)

    # Nobody works them off, so each keeps the next two out.
    assert await ticks(redis) == [MINUTE, 4 * MINUTE]
    assert int(await redis.raw("HGET", "kiq:ticks", one.name)) == EPOCH + 6 * MINUTE


async def test_an_outage_delays_what_is_due_and_no_more(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    some: tuple[Fate, ...] = ("delivered", "reply lost", "request lost", "reply lost")
    fates = iter(some * 20)
    unkind.fate = lambda _: next(fates, "delivered")
    async with background(make_ticker(redis, every("* * * * *", catch_up="all")).run):
        await trio.sleep(10 * MINUTE)
        unkind.go_away()
        await trio.sleep(10 * MINUTE)
        unkind.come_back()
        await trio.sleep(10 * MINUTE + 10)

    found = await ticks(redis)
    assert found == [found[0] + n * MINUTE for n in range(len(found))]
    assert found[-1] == 30 * MINUTE


async def test_a_queue_that_refuses_keeps_no_other_job_waiting(
    autojump_clock: MockClock,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.ticker")
    bad = every("* * * * *", name="bad", options={"queue": "bad"})
    await redis.raw("SET", "queue:bad", "a string")
    async with background(make_ticker(redis, bad, every("* * * * *")).run):
        await trio.sleep(5 * MINUTE + 1)
        assert len(await ticks(redis)) == 5
        [error] = errors(caplog)
        assert error.startswith("the periodic job bad has to wait: WRONGTYPE")

        await redis.raw("DEL", "queue:bad")
        await trio.sleep(10)

        assert await ticks(redis, "bad") == [5 * MINUTE]
        assert "the periodic job bad waits no longer" in caplog.text


async def test_ticks_that_cannot_be_read_are_complained_about_once(
    autojump_clock: MockClock,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await redis.raw("SET", "kiq:ticks", "a string")
    async with background(make_ticker(redis, every("* * * * *")).run):
        await trio.sleep(5 * MINUTE)
        [error] = errors(caplog)
        assert error.startswith("no periodic job is enqueued: WRONGTYPE")

        await redis.raw("DEL", "kiq:ticks")
        await trio.sleep(MINUTE + 10)

        assert len(await ticks(redis)) == 1


@pytest.mark.parametrize("nonsense", ["yesterday", "-5", "99999999999999", "1.5"])
async def test_a_last_tick_that_cannot_be_is_put_right(
    autojump_clock: MockClock,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
    nonsense: str,
) -> None:
    await redis.raw("HSET", "kiq:ticks", "x", nonsense)

    async with background(make_ticker(redis, every("* * * * *", name="x")).run):
        await trio.sleep(MINUTE + 1)

    assert await ticks(redis) == [MINUTE]
    [error] = errors(caplog)
    assert f"the last tick of x cannot have been at {nonsense}" in error


async def test_a_redis_that_forgot_everything_is_told_again(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with background(make_ticker(redis, every("* * * * *", name="x")).run):
        await trio.sleep(1)
        await redis.raw("FLUSHALL")
        await trio.sleep(2 * MINUTE)

        assert await ticks(redis) == [2 * MINUTE]
        assert [one.name for one in await read_periodics(redis)] == ["x"]


async def test_all_that_is_known_can_be_listed(
    autojump_clock: MockClock, redis: Redis
) -> None:
    berlin = every("0 6 * * *", timezone="Europe/Berlin", name="a", args=[1])
    await make_ticker(redis, berlin, every("@hourly", name="b")).tick_all()
    await pause_periodic(redis, "b")
    await redis.raw("HSET", "kiq:periodics", "c", "junk")

    one, two, junk = await read_periodics(redis)

    assert attrs.asdict(one) == {
        "name": "a",
        "crontab": "0 6 * * *",
        "timezone": "Europe/Berlin",
        "catch_up": "latest",
        "worker": "work",
        "queue": "q",
        "args": [1],
        # It is eight o'clock in the morning of UTC.
        "last_tick": EPOCH - 3 * HOUR,
        "next_tick": EPOCH + 21 * HOUR,
        "is_paused": False,
    }
    assert (two.crontab, two.last_tick, two.is_paused) == ("0 * * * *", EPOCH, True)
    assert (junk.name, junk.crontab, junk.next_tick) == ("c", "", None)


async def test_with_nothing_to_do_it_asks_for_nothing(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    before = len(unkind.asked)

    async with background(make_ticker(redis).run):
        await trio.sleep(DAY)

    assert len(unkind.asked) == before


# Many deaths


class Herd:
    """Services at work on one server, one command at a time, in an order of chance."""

    def __init__(
        self, seed: int, *, is_torn: bool, mutants: Mapping[str, str] | None = None
    ) -> None:
        self.chance = Random(seed)
        self.now = EPOCH
        self.server = DirectServer(lambda: self.now, mutants)
        self.is_torn = is_torn
        self.one = every("* * * * *", catch_up="all")
        self.tasks: list[tuple[Any, Commands, list[Any]]] = []
        self.past: list[Any] = []
        self.deaths = 0

    def play(self, minutes: int) -> None:
        self._alone()
        while self.now < EPOCH + minutes * MINUTE:
            self.now += self.chance.choice((0.01, 0.01, 0.01, 1, 20, 70))
            if len(self.tasks) < 4:
                self._go_on(make_ticker(LINE, self.one).tick_all(), None)
            self._step()
        self.tasks.clear()
        self._alone()

    def _alone(self) -> None:
        # More than one call may be needed for all that was missed.
        for _ in range(20):
            self._go_on(make_ticker(LINE, self.one).tick_all(), None)
            while self.tasks:
                task, commands, answers = self.tasks.pop()
                answers = [self.server.run(one) for one in commands]
                self._go_on(task, answers)

    def _step(self) -> None:
        task, commands, answers = self.tasks.pop(self.chance.randrange(len(self.tasks)))
        command, fate = commands[len(answers)], self.chance.random()
        if script_of(command):
            self.past.append(command)
        if fate < 0.1:
            self.deaths += 1
            task.close()
            return
        if fate < 0.2 and self.past:
            self.server.run(self.chance.choice(self.past))
        if fate < 0.3 and self.is_torn and script_of(command):
            self.server.tear(command, self.chance.randint(0, 3))
            self.deaths += 1
            task.close()
            return
        answers = [*answers, self.server.run(command)]
        if len(answers) < len(commands):
            self.tasks.append((task, commands, answers))
        else:
            self._go_on(task, answers)

    def _go_on(self, task: Any, answers: list[Any] | None) -> None:
        with suppress(StopIteration):
            self.tasks.append((task, task.send(answers), []))

    def jids(self) -> Sequence[str]:
        payloads = self.server.do("LRANGE", "queue:q", 0, -1)
        return [Job.decode(payload).jid for payload in reversed(payloads)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_deaths_in_a_thousand_minutes_lose_and_double_no_tick(
    seed: int,
) -> None:
    herd = Herd(seed, is_torn=False)

    herd.play(1_000)

    due = range(int(EPOCH) + 60, int(herd.now) + 1, 60)
    assert herd.jids() == [herd.one.job_for(at).jid for at in due]
    assert herd.deaths > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_dies_in_its_scripts_loses_no_tick(seed: int) -> None:
    herd = Herd(seed, is_torn=True)

    herd.play(1_000)

    due = range(int(EPOCH) + 60, int(herd.now) + 1, 60)
    assert {*herd.jids()} == {herd.one.job_for(at).jid for at in due}


def test_this_herd_would_notice() -> None:
    guard = "if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then"
    assert guard in TICK.source
    careless = TICK.source.replace(guard, "if false then")
    herd = Herd(1, is_torn=False, mutants={"tick": careless})

    herd.play(30)

    assert len(herd.jids()) > len({*herd.jids()})
