"""Started and stopped a thousand times in one program: nothing is left of it."""

import gc
import random
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio

from tests.faults.audit import Client
from tests.faults.durable import DurableServer
from tests.faults.inside import Runs, note, places, working
from tests.wire.clients import until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

WARM = 3
"""After so many lives all is there that stays: imports, Trio's idle threads."""


@attrs.frozen
class Left:
    """What there is of what a life might leave behind.

    Attributes:
        tasks: of Trio.
        files: that are open.
        threads: that run.
        connections: that Redis has.
        keys: that never expire, beside those that are Sidekiq's.
    """

    tasks: int
    files: int
    threads: int
    connections: int
    keys: frozenset[str]

    @classmethod
    def see(cls, client: Client) -> "Left":
        return cls(
            tasks=trio.lowlevel.current_statistics().tasks_living,
            files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            threads=threading.active_count(),
            connections=len(client.client_list()),
            keys=frozenset(
                str(key) for key in client.scan_iter("*") if client.ttl(key) < 0
            ),
        )

    def exceeds(self, other: "Left") -> bool:
        """Whether there is more of anything than there was."""
        numbers = zip(attrs.astuple(self)[:-1], attrs.astuple(other)[:-1], strict=True)
        return self.keys > other.keys or any(now > then for now, then in numbers)


async def test_a_thousand_lives_leave_no_task_file_thread_or_key(
    durable: DurableServer, client: Client, rng: random.Random, *, is_long: bool
) -> None:
    lives = 1000 if is_long else 30
    ways: list[Callable[[], Awaitable[None]]] = [
        partial(live, durable),
        partial(leave_at_once, durable),
        partial(be_cancelled, durable, rng),
        partial(fall, durable),
    ]
    # Its own socket is there from now on.
    client.ping()
    for way in WARM * ways:
        await way()
    before = Left.see(client)

    for _ in range(lives):
        await rng.choice(ways)()
    gc.collect()
    # Idle threads of Trio's, and one that beats, end by themselves and a little later.
    with suppress(trio.TooSlowError):
        await until(lambda: not Left.see(client).exceeds(before), within=15)

    after = Left.see(client)
    sys.stdout.write(f"{lives} lives; before: {before}, after: {after}\n")
    assert not after.exceeds(before)
    assert places(client) == {}
    assert client.hlen("kiq:processes") == client.scard("kiq:graves") == 0


async def live(server: DurableServer) -> None:
    """Run a job and leave."""
    runs = Runs()
    async with working(server.unix_url, runs) as kiq:
        await kiq.enqueue(note("mine"))
        await kiq.wait_idle()
    assert runs.ended == {"mine": 1}


async def leave_at_once(server: DurableServer) -> None:
    async with working(server.unix_url, Runs()):
        pass


async def be_cancelled(server: DurableServer, rng: random.Random) -> None:
    with trio.move_on_after(rng.uniform(0, 0.05)):
        async with working(server.unix_url, Runs()):
            await trio.sleep_forever()


async def fall(server: DurableServer) -> None:
    """Leave by an exception."""
    with pytest.raises(ValueError, match="mine"):
        async with working(server.unix_url, Runs()):
            raise ValueError("mine")
