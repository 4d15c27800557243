"""Unique jobs: one is let in, and its lock goes when it is done, by its owner only."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError, Discard, Job, Kiq, Queue, QueueFull, Snooze, worker
from kiq_trio._wire.seam import Server
from tests.journey.conftest import KiqMaker, Recorder, places

HOUR = 3_600.0


@attrs.define
class Deed:
    """What the next runs do."""

    next: Callable[[], Awaitable[Any]] = trio.lowlevel.checkpoint
    runs: int = 0

    async def perform(self) -> Any:
        self.runs += 1
        return await self.next()


DEED = Deed()


@pytest.fixture(autouse=True)
def deed() -> Iterator[Deed]:
    yield DEED
    DEED.next, DEED.runs = trio.lowlevel.checkpoint, 0


@worker(unique_for=HOUR, retry=1)
async def sync(_user: int) -> Any:
    return await DEED.perform()


@worker(unique_for=timedelta(hours=1), unique_until="start", retry=1)
async def early(_user: int) -> Any:
    return await DEED.perform()


@worker(unique_for=HOUR, expires_in=60)
async def fresh(_user: int) -> Any:
    return await DEED.perform()


@worker(unique_for=HOUR, unique_key=lambda user, *_: user)
async def keyed(user: int, note: str) -> None: ...


WORKERS = [sync, early, fresh, keyed]


async def seconds_left(kiq: Kiq, job: Job) -> float:
    token = job.rest["unique_token"]
    return int(await kiq.redis.raw("PTTL", f"kiq:unique:{token}")) / 1000


async def test_a_second_job_that_is_equal_is_a_duplicate_of_the_first(
    server: Server,
) -> None:
    async with Kiq(redis_url=server, server=False) as kiq:
        first = await kiq.enqueue(sync.new(1))
        second = await kiq.enqueue(sync.new(1))
        other = await kiq.enqueue(sync.new(2))
        elsewhere = await kiq.enqueue(sync.set(queue="low").new(1))
        by_hand = await kiq.enqueue({"class": "sync", "args": [1], "unique_for": 60})

        assert first.duplicate_of is None
        assert second.duplicate_of == by_hand.duplicate_of == first.jid
        assert other.duplicate_of is elsewhere.duplicate_of is None
        assert len((await places(kiq))["queue:default"]) == 2
        assert await kiq.find_lock_owner(sync.new(1)) == first.jid


async def test_many_at_once_are_told_apart(server: Server) -> None:
    async with Kiq(redis_url=server, server=False) as kiq:
        jobs = await kiq.enqueue_many(sync.new(n % 3) for n in range(9))

        stored = [job for job in jobs if job.duplicate_of is None]
        assert [job.args for job in stored] == [[0], [1], [2]]
        assert {job.duplicate_of for job in jobs[3:]} == {job.jid for job in stored}


async def test_racing_clients_let_one_in(server: Server) -> None:
    jobs: list[Job] = []

    async def race() -> None:
        async with Kiq(redis_url=server, server=False) as kiq:
            jobs.append(await kiq.enqueue(sync.new(1)))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(race)

    [winner] = [job for job in jobs if job.duplicate_of is None]
    assert {job.duplicate_of for job in jobs} == {None, winner.jid}


async def test_a_job_for_later_keeps_others_out_until_then_and_longer(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False) as kiq:
        job = await kiq.enqueue(sync.new(1), in_=600)

        assert await seconds_left(kiq, job) == 600 + HOUR
        assert job.unlocks_at == pytest.approx((job.at or 0) + HOUR, abs=0.01)
        assert (await kiq.enqueue(sync.new(1))).duplicate_of == job.jid


async def test_who_succeeds_lets_the_next_one_in(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(workers=WORKERS) as kiq:
        await kiq.enqueue(sync.new(1))
        await kiq.wait_idle()

        assert (await kiq.enqueue(sync.new(1))).duplicate_of is None
        await kiq.wait_idle()

    assert DEED.runs == 2


async def fail() -> None:
    raise ValueError


async def discard() -> Discard:
    return Discard("unwanted")


async def snooze() -> Snooze:
    return Snooze(30)


async def test_a_lock_is_kept_through_retries_and_released_at_death(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, deed: Deed
) -> None:
    deed.next = fail
    async with make_kiq(workers=WORKERS) as kiq:
        job = await kiq.enqueue(sync.new(1))
        await recorder.heard("Failed")
        assert await seconds_left(kiq, job) > HOUR
        assert (await kiq.enqueue(sync.new(1))).duplicate_of == job.jid

        await recorder.heard("Failed", 2)
        assert len((await places(kiq))["dead"]) == 1
        assert await kiq.find_lock_owner(sync.new(1)) is None


async def test_who_is_discarded_lets_the_next_one_in(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, deed: Deed
) -> None:
    deed.next = discard
    async with make_kiq(workers=WORKERS) as kiq:
        await kiq.enqueue(sync.new(1))
        await recorder.heard("Aborted")

        assert await kiq.find_lock_owner(sync.new(1)) is None


async def test_who_snoozes_keeps_its_lock(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, deed: Deed
) -> None:
    deed.next = snooze
    async with make_kiq(workers=WORKERS) as kiq:
        job = await kiq.enqueue(sync.new(1))
        await recorder.heard("Snoozed")

        assert await kiq.find_lock_owner(sync.new(1)) == job.jid
        assert await seconds_left(kiq, job) == pytest.approx(HOUR + 30, abs=1)


async def test_who_expires_lets_the_next_one_in(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(server=False) as client:
        await client.enqueue(fresh.new(1))
        await trio.sleep(61)
        async with make_kiq(workers=WORKERS) as kiq:
            await recorder.heard("Aborted")
            assert await kiq.find_lock_owner(fresh.new(1)) is None

    assert DEED.runs == 0


async def test_a_lock_until_the_start_is_free_when_the_job_begins(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, deed: Deed
) -> None:
    """So that a job may enqueue the next of its kind."""
    made: list[Job] = []
    async with make_kiq(workers=WORKERS) as kiq:

        async def enqueue_another() -> None:
            made.append(await kiq.enqueue(early.new(1), in_=60))

        deed.next = enqueue_another
        await kiq.enqueue(early.new(1))
        await recorder.heard("Succeeded")
        deed.next = trio.lowlevel.checkpoint

        assert made[0].duplicate_of is None
        assert await kiq.find_lock_owner(early.new(1)) == made[0].jid


async def test_a_lock_that_was_released_at_the_start_is_not_taken_again(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, deed: Deed
) -> None:
    deed.next = fail
    async with make_kiq(workers=WORKERS) as kiq:
        await kiq.enqueue(early.new(1))
        await recorder.heard("Failed")
        assert await kiq.find_lock_owner(early.new(1)) is None

        second = await kiq.enqueue(early.new(1), in_=HOUR)
        await recorder.heard("Failed", 2)
        assert await kiq.find_lock_owner(early.new(1)) == second.jid


async def test_a_late_finisher_frees_no_lock_of_another(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, deed: Deed
) -> None:
    async def take_longer_than_its_lock() -> None:
        await trio.sleep(HOUR + 100)

    deed.next = take_longer_than_its_lock
    async with make_kiq(workers=WORKERS) as kiq:
        await kiq.enqueue(sync.new(1))
        await trio.sleep(HOUR + 50)
        second = await kiq.enqueue(sync.new(1), in_=500)
        assert second.duplicate_of is None

        await recorder.heard("Succeeded")
        assert await kiq.find_lock_owner(sync.new(1)) == second.jid


async def test_what_an_interrupted_job_locked_stays_locked(
    autojump_clock: MockClock, make_kiq: KiqMaker, deed: Deed
) -> None:
    deed.next = trio.sleep_forever
    async with make_kiq(server=False) as client:
        async with make_kiq(workers=WORKERS, shutdown_timeout=0) as kiq:
            job = await kiq.enqueue(sync.new(1))
            await trio.sleep(1)

        assert DEED.runs == 1
        assert await client.find_lock_owner(sync.new(1)) == job.jid


async def test_a_key_function_says_what_is_equal(server: Server) -> None:
    async with Kiq(redis_url=server, server=False) as kiq:
        first = await kiq.enqueue(keyed.new(1, "a"))
        second = await kiq.enqueue(keyed.new(1, note="b"))
        third = await kiq.enqueue(keyed.new(2, "a"))

        assert second.duplicate_of == first.jid
        assert third.duplicate_of is None
        assert await kiq.find_lock_owner(keyed.new(1, "c")) == first.jid


async def test_a_person_may_free_a_lock(server: Server) -> None:
    async with Kiq(redis_url=server, server=False) as kiq:
        first = await kiq.enqueue(sync.new(1))

        assert await kiq.unlock(sync.new(1)) == first.jid

        assert await kiq.unlock(sync.new(1)) is None
        assert (await kiq.enqueue(sync.new(1))).duplicate_of is None


async def test_one_job_may_do_without(server: Server) -> None:
    async with Kiq(redis_url=server, server=False) as kiq:
        await kiq.enqueue(sync.new(1))

        second = await kiq.enqueue(sync.new(1).set(unique_for=False))

        assert second.duplicate_of is None
        assert second.unique_token is None


async def test_clearing_frees_all_locks(server: Server) -> None:
    async with Kiq(redis_url=server, server=False) as kiq:
        await kiq.enqueue_many(sync.new(n) for n in range(1_200))
        await kiq.redis.raw("SET", "kiq:other", "stays")

        await kiq.clear()

        assert await kiq.find_lock_owner(sync.new(7)) is None
        assert await kiq.redis.raw("KEYS", "kiq:unique:*") == []
        assert await kiq.redis.raw("GET", "kiq:other") == b"stays"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"unique_for": "1h"}, "unique_for must be seconds or a timedelta, got '1h'"),
        ({"unique_for": -1}, "unique_for must be more than 0 s and at most ten years"),
        ({"unique_for": 1, "unique_until": "end"}, "unique_until must be 'success' or"),
    ],
)
async def test_what_cannot_be_unique_is_refused(
    fields: dict[str, Any], message: str, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False) as kiq:
        with pytest.raises(ConfigError, match=message):
            await kiq.enqueue({"class": "A", **fields})


async def test_a_queue_that_is_full_makes_whoever_enqueues_wait(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    queues = {"default": Queue(1, max_size=2)}
    async with make_kiq(server=False, queues=queues) as client:
        for n in range(2):
            await client.enqueue({"class": "sync", "args": [n]})
        with trio.move_on_after(30) as scope:
            await client.enqueue({"class": "sync", "args": [3]})
        assert scope.cancelled_caught

        async with make_kiq(workers=WORKERS):
            await client.enqueue({"class": "sync", "args": [4]})


async def test_a_queue_that_is_full_can_be_told_to_raise(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    queues = {"default": Queue(1, max_size=1, on_full="raise"), "low": Queue(1)}
    async with make_kiq(server=False, queues=queues) as client:
        await client.enqueue({"class": "sync", "args": [1]})

        with pytest.raises(QueueFull, match="'default' already holds 1 jobs"):
            await client.enqueue({"class": "sync", "args": [2]})
        # What is for later, and what is in other queues, is not concerned.
        await client.enqueue({"class": "sync", "args": [3]}, in_=5)
        await client.enqueue_many({"class": "a", "queue": "low"} for _ in range(3))
