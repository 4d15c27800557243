"""What came back from the dead twice begins alone among its like."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._pipeline.suspects import HEAD_START, STAMPS, Suspects, is_suspect
from kiq_trio._store.burying import bury, read_grave
from kiq_trio._store.fetching import Delivery, fetch
from kiq_trio._store.registering import register
from kiq_trio._wire.client import Redis
from kiq_trio.job import Job


@pytest.fixture
async def held(redis: Redis) -> list[Delivery]:
    """Three jobs that a process holds."""
    await register(redis, "me")
    await redis.raw("LPUSH", "queue:q", "a", "b", "c")
    return await fetch(redis, identity="me", producer="q", call=1, queue="q", limit=3)


async def suspected(redis: Redis) -> list[bytes]:
    return [one.payload for one in await read_grave(redis, "me") if one.is_suspected]


class Runs:
    """Jobs that run until they are told to end."""

    def __init__(self, suspects: Suspects) -> None:
        self.suspects = suspects
        self.begun: list[tuple[bytes, bool]] = []
        self.ends = {name: trio.Event() for name in (b"a", b"b", b"c")}

    async def run(self, delivery: Delivery) -> None:
        async with self.suspects.turn(delivery) as is_ours:
            self.begun.append((delivery.payload, is_ours))
            await self.ends[delivery.payload].wait()

    @asynccontextmanager
    async def running(self, held: list[Delivery]) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            for delivery in held:
                nursery.start_soon(self.run, delivery)
                await wait_all_tasks_blocked()
            yield
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [([], False), ([1], False), ([1, 2], True), ([1, 2, 3], True), ("12", False)],
)
def test_a_job_is_suspect_from_its_second_recovery_on(
    stamps: object, *, expected: bool
) -> None:
    job = Job(job_class="A", jid="1", rest={STAMPS: stamps})

    assert is_suspect(job) is expected
    assert not is_suspect(Job(job_class="A", jid="1"))


async def test_a_suspect_begins_when_the_one_before_has_ended(
    autojump_clock: MockClock, redis: Redis, held: list[Delivery]
) -> None:
    runs = Runs(Suspects(redis))
    async with runs.running(held):
        assert runs.begun == [(b"a", True)]
        assert await suspected(redis) == [b"a"]

        runs.ends[b"a"].set()
        await trio.sleep(1)

        assert runs.begun == [(b"a", True), (b"b", True)]
        assert await suspected(redis) == [b"b"]


async def test_one_that_takes_long_keeps_the_others_waiting_for_a_while_only(
    autojump_clock: MockClock, redis: Redis, held: list[Delivery]
) -> None:
    runs = Runs(Suspects(redis))
    async with runs.running(held):
        await trio.sleep(HEAD_START - 1)
        assert runs.begun == [(b"a", True)]
        await trio.sleep(2)
        assert runs.begun == [(b"a", True), (b"b", True)]

        runs.ends[b"a"].set()
        await trio.sleep(1)
        assert runs.begun == [(b"a", True), (b"b", True)], "b has a start as well"
        await trio.sleep(HEAD_START)

        assert [payload for payload, _ in runs.begun] == [b"a", b"b", b"c"]
        assert await suspected(redis) == [b"c"]


async def test_whoever_gives_up_waiting_keeps_nobody_waiting(
    autojump_clock: MockClock, redis: Redis, held: list[Delivery]
) -> None:
    runs = Runs(Suspects(redis))
    async with runs.running(held[:1]):
        with trio.move_on_after(1):
            await runs.run(held[1])
        runs.ends[b"a"].set()
        runs.ends[b"c"].set()
        await runs.run(held[2])

    assert runs.begun == [(b"a", True), (b"c", True)]


async def test_whoever_was_buried_is_told_that_the_job_is_not_theirs(
    redis: Redis, held: list[Delivery]
) -> None:
    assert await bury(redis, "me", 1)

    async with Suspects(redis).turn(held[0]) as is_ours:
        assert not is_ours


async def test_a_redis_that_will_not_hear_it_keeps_no_job_from_running(
    redis: Redis, held: list[Delivery], caplog: pytest.LogCaptureFixture
) -> None:
    await redis.raw("DEL", "kiq:calls|me")
    await redis.raw("SET", "kiq:calls|me", "a string")

    async with Suspects(redis).turn(held[0]) as is_ours:
        assert is_ours
    assert "WRONGTYPE" in caplog.text
