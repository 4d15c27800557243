"""A whole `Kiq` on a server in the process, on Trio's clock."""

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pytest
import trio

from kiq_trio import Kiq, Reporter
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryServer
from kiq_trio._wire.seam import Server
from kiq_trio.events import Ended, Event, Started

KiqMaker: TypeAlias = Callable[..., Kiq]


class Recorder(Reporter):
    """Remembers every event, and lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = trio.Event()

    @property
    def names(self) -> list[str]:
        return [
            type(event.outcome).__name__ if isinstance(event, Ended) else "Started"
            for event in self.events
        ]

    async def handle_events(self, events: Sequence[Event]) -> None:
        self.events += events
        news, self._news = self._news, trio.Event()
        news.set()

    async def heard(self, name: str, times: int = 1) -> Event:
        """Wait until there were so many events of one kind; return the last."""
        with trio.fail_after(1e9):
            while self.names.count(name) < times:
                await self._news.wait()
        found = [e for e, n in zip(self.events, self.names, strict=True) if n == name]
        return found[times - 1]

    def started(self) -> list[str]:
        return [e.job.jid for e in self.events if isinstance(e, Started)]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def memory(clock: TrioClock) -> MemoryServer:
    return MemoryServer(clock)


@pytest.fixture
def make_kiq(recorder: Recorder, memory: MemoryServer) -> KiqMaker:
    """Return what makes a `Kiq` on one server in the process, with dice of its own."""

    def make(**options: Any) -> Kiq:
        server: Server = options.pop("redis_url", memory)
        reporters = [recorder, *options.pop("extra_reporters", [])]
        dice = random.Random(1)
        return Kiq(
            redis_url=server, extra_reporters=reporters, random=dice.random, **options
        )

    return make


async def places(kiq: Kiq) -> dict[str, list[bytes]]:
    """Return every payload in Redis, by the key that holds it."""
    found: dict[str, list[bytes]] = {}
    for key in sorted(await kiq.redis.raw("KEYS", "*")):
        kind = await kiq.redis.raw("TYPE", key)
        name = key.decode()
        if name.startswith("queue:"):
            found[name] = await kiq.redis.raw("LRANGE", key, 0, -1)
        elif kind == b"zset":
            found[name] = await kiq.redis.raw("ZRANGE", key, 0, -1)
        elif name.startswith("kiq:backup|"):
            held = await kiq.redis.raw("HVALS", key)
            found["backup"] = [value.partition(b"\n")[2] for value in held]
    return found
