"""Cancel everything at the n-th Redis call, for every n: no job is lost or doubled.

"Before" means that the cancelled task's command is never sent, unless it is
shielded; "after" that Redis acts and the task does not hear of it. A wire that
could only be cancelled before Redis acts would never notice a missing shield.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import attrs
import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Job, Kiq, worker
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryConnection, MemoryServer
from kiq_trio._wire.seam import Connection
from kiq_trio._wire.slot import Command, Slot
from tests.journey.conftest import KiqMaker, places

When = Literal["before", "after"]


@attrs.define
class Axe:
    """Falls at the n-th call, and counts calls until then and after."""

    falls_at: int = 0
    when: When = "before"
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    calls: int = 0


class LateSlot(Slot):
    """Sends its commands only if the task that waits is not cancelled first."""

    def __init__(self, line: Connection, commands: Sequence[Command]) -> None:
        super().__init__(len(commands))
        self._line = line
        self._commands = commands

    async def wait(self) -> list[Any]:
        await trio.lowlevel.checkpoint()
        return await self._line.submit(self._commands).wait()


class AxedConnection(MemoryConnection):
    axe: Axe

    def submit(self, commands: Sequence[Command], *, decode: bool = False) -> Slot:
        self.axe.calls += 1
        if self.axe.calls != self.axe.falls_at:
            return super().submit(commands, decode=decode)
        self.axe.scope.cancel()
        if self.axe.when == "before":
            return LateSlot(self, commands)
        return super().submit(commands, decode=decode)


class AxedServer(MemoryServer):
    """A server in the process whose first user's calls are counted."""

    def __init__(self, clock: TrioClock) -> None:
        super().__init__(clock)
        self.axe: Axe | None = None

    @asynccontextmanager
    async def connect(self, **options: Any) -> AsyncIterator[MemoryConnection]:
        async with super().connect(**options) as connection:
            if self.axe is not None:
                connection.__class__ = AxedConnection
                assert isinstance(connection, AxedConnection)
                connection.axe = self.axe
            yield connection


class Life:
    """Four jobs, a `Kiq` that runs them, and what became of each."""

    def __init__(self, make_kiq: KiqMaker, clock: TrioClock) -> None:
        self.server = AxedServer(clock)
        self.make_kiq = make_kiq
        self.finished: Counter[str] = Counter()
        self.jobs: list[Job] = []
        done = self.finished

        @worker()
        async def quick(name: str) -> None:
            done[name] += 1

        @worker()
        async def slow(name: str) -> None:
            await trio.sleep(1)
            done[name] += 1

        @worker(retry=0)
        async def failing(name: str) -> None:
            raise ValueError(name)

        @worker()
        async def shaky(name: str) -> None:
            raise ValueError(name)

        self.workers = [quick, slow, failing, shaky]

    def kiq(self, **options: Any) -> Kiq:
        return self.make_kiq(redis_url=self.server, workers=self.workers, **options)

    async def live(self, axe: Axe) -> None:
        """Run the four jobs until all is done, or the axe falls."""
        async with self.kiq(server=False) as client:
            self.jobs = [
                await client.enqueue(one.new(one.name)) for one in self.workers
            ]
        self.server.axe = axe
        with axe.scope:
            async with self.kiq(queues={"default": 2}) as kiq:
                await kiq.wait_idle()
        self.server.axe = None

    async def where(self, job: Job) -> list[str]:
        async with self.kiq(server=False) as client:
            found = await places(client)
        held = [
            name
            for name, payloads in found.items()
            for payload in payloads
            if Job.decode(payload).jid == job.jid
        ]
        return held + ["done"] * self.finished[job.job_class]


ALLOWED = {
    "quick": {"done", "queue:default"},
    "slow": {"done", "queue:default"},
    "failing": {"dead", "queue:default"},
    "shaky": {"retry", "queue:default"},
}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_every_job_is_done_or_in_one_place_wherever_the_axe_falls(
    autojump_clock: MockClock, make_kiq: KiqMaker, clock: TrioClock, when: When
) -> None:
    untouched = Life(make_kiq, clock)
    uncut = Axe()
    await untouched.live(uncut)
    assert uncut.calls > 15

    for n in range(1, uncut.calls + 1):
        life = Life(make_kiq, clock)
        axe = Axe(falls_at=n, when=when)

        await life.live(axe)

        for job in life.jobs:
            where = await life.where(job)
            assert len(where) == 1, f"call {n}: {job.job_class} is in {where}"
            assert set(where) <= ALLOWED[job.job_class], f"call {n}: {where}"
        async with life.kiq(server=False) as client:
            registered = await client.redis.raw("HLEN", "kiq:processes")
            graves = await client.redis.raw("SCARD", "kiq:graves")
            assert (registered, graves) == (0, 0), f"call {n} leaves us registered"
