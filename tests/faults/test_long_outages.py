"""Redis is away for ten minutes while many enqueue: what fits waits, none is lost."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import TypeAlias

import attrs
import pytest
import trio
from trio.testing import MockClock

from kiq_trio import BufferFull, Job, Kiq
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryServer
from kiq_trio.testing import FaultyServer

pytestmark = [pytest.mark.faults, pytest.mark.slow]

Way: TypeAlias = Callable[[FaultyServer], AbstractContextManager[None]]

AWAY = 600.0
"""Seconds."""


@contextmanager
def closed(server: FaultyServer) -> Iterator[None]:
    """Nobody listens."""
    with server.outage():
        yield


@contextmanager
def hung(server: FaultyServer) -> Iterator[None]:
    """It takes what is sent, says nothing, and acts on it when it wakes."""
    awakes_at = trio.current_time() + AWAY
    server.lateness = lambda: max(0.0, awakes_at - trio.current_time())
    server.fate = lambda _: "late"
    try:
        yield
    finally:
        server.fate = lambda _: "delivered"


@contextmanager
def silent(server: FaultyServer) -> Iterator[None]:
    """It does what it is asked for, and nobody hears of it."""
    server.fate = lambda _: "silence"
    try:
        yield
    finally:
        server.fate = lambda _: "delivered"


@attrs.define
class Enqueuers:
    """Who enqueues all the time, so many jobs a second, numbered as they come.

    Attributes:
        taken: the numbers that were not refused, in their order.
        refused: how many were.
        stored: those that Redis was said to have.
        is_over: whether they stop.
    """

    kiq: Kiq
    rate: int
    taken: list[int] = attrs.field(factory=list)
    refused: int = 0
    stored: set[int] = attrs.field(factory=set)
    is_over: bool = False
    _next: int = 0
    _awaited: int = 0

    @property
    def waiting(self) -> int:
        """How many jobs are awaited by whoever enqueues them."""
        return self._awaited - len(self.stored)

    async def all_stored(self) -> None:
        """Wait until every job that anybody awaits now is stored."""
        before = self._awaited
        while len(self.stored) < before:  # noqa: ASYNC110 - a step of virtual time.
            await trio.sleep(0.01)

    async def enqueue_all_the_time(self) -> None:
        async with trio.open_nursery() as nursery:
            while not self.is_over:
                for _ in range(self.rate):
                    self._enqueue_nowait()
                nursery.start_soon(self._enqueue_and_wait)
                await trio.sleep(1)

    def _enqueue_nowait(self) -> None:
        try:
            self.kiq.enqueue_nowait(self._job("nobody waits"))
        except BufferFull:
            self.refused += 1
        else:
            self.taken.append(self._next)

    async def _enqueue_and_wait(self) -> None:
        job = self._job("waits")
        self._awaited += 1
        number = self._next
        await self.kiq.enqueue(job)
        self.stored.add(number)

    def _job(self, name: str) -> Job:
        self._next += 1
        return Job(job_class="A", args=[name, self._next])


@asynccontextmanager
async def enqueueing(kiq: Kiq, rate: int) -> AsyncIterator[Enqueuers]:
    enqueuers = Enqueuers(kiq, rate)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(enqueuers.enqueue_all_the_time)
        yield enqueuers
        enqueuers.is_over = True


@pytest.mark.parametrize(
    ("way", "soon"),
    # Who was let in and then lost, tries again after 5 s at most; whoever is not
    # answered must first give up what is on its way.
    [(closed, 1.1), (hung, 6.1), (silent, 11.1)],
    ids=["closed", "hung", "silent"],
)
async def test_ten_minutes_without_redis_lose_and_double_nothing_that_was_taken(
    autojump_clock: MockClock,
    clock: TrioClock,
    caplog: pytest.LogCaptureFixture,
    way: Way,
    soon: float,
    *,
    is_long: bool,
) -> None:
    rate = 1_000 if is_long else 10
    limit = 20 * rate
    memory = MemoryServer(clock)
    server = FaultyServer(memory)
    async with (
        Kiq(redis_url=FaultyServer(memory), server=False) as witness,
        Kiq(redis_url=server, server=False, buffer_limit=limit) as kiq,
    ):
        async with enqueueing(kiq, rate) as enqueuers:
            await trio.sleep(5)
            assert enqueuers.refused == 0
            caplog.clear()
            with way(server):
                await trio.sleep(AWAY / 10)
                assert enqueuers.refused
                waiting, blocks = enqueuers.waiting, sys.getallocatedblocks()
                for _ in range(9):
                    await trio.sleep(AWAY / 10)
                    assert kiq._running().buffer.size <= limit
                more = enqueuers.waiting - waiting
                # What a task needs that waits; those who were refused left nothing.
                assert sys.getallocatedblocks() - blocks < 80 * more
            with trio.fail_after(soon):
                await enqueuers.all_stored()
        await kiq.flush()
        # Until the last late copy has come.
        await trio.sleep(AWAY)
        stored = await read_jobs(witness)

    assert stored["nobody waits"] == enqueuers.taken
    # Of several who wait for room, any may be the first.
    assert sorted(stored["waits"]) == sorted(enqueuers.stored)
    assert len(caplog.records) <= 5 * (AWAY + soon)


async def read_jobs(kiq: Kiq) -> dict[str, list[int]]:
    """Return the numbers of all jobs there are, by who waited for them."""
    found: dict[str, list[int]] = {"waits": [], "nobody waits": []}
    for payload in reversed(await kiq.redis.raw("LRANGE", "queue:default", 0, -1)):
        name, number = Job.decode(payload).args
        found[name].append(number)
    return found
