"""A server behind a line on which go wrong the things that go wrong on a real one."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from typing import TypeAlias

import redis
import trio
from redis.exceptions import ConnectionError as RedisConnectionError

from kiq_trio._wire.faulty_line import FATES, Fate, FaultyConnection
from kiq_trio._wire.script import Script
from kiq_trio._wire.seam import Server
from kiq_trio._wire.servers import server_from_url
from kiq_trio._wire.slot import Command
from kiq_trio.errors import ConfigError

FateOf: TypeAlias = Callable[[Sequence[Command]], Fate]


def _deliver(_: Sequence[Command]) -> Fate:
    return "delivered"


def _at_once() -> float:
    return 0.0


class FaultyServer(Server):
    """A server in this process to which the way is bad, for tests of your program.

    It takes the place of a URL, and what goes wrong may be changed at any time::

        server = FaultyServer(latency=lambda: 0.01)
        async with Kiq(redis_url=server, workers=[charge]) as kiq:
            server.fate = by_chance(Random(7).random, {"reply lost": 0.05})
            await kiq.enqueue(charge.new(42))
            with server.outage():
                await trio.sleep(60)

    Several instances of `Kiq` stand for several processes if each gets a `door` to
    the same data. Then give them a `timing=Timing()` as well: a server in the process
    is by default one whose users cannot die alone.

    Attributes:
        fate: decides what becomes of commands that travel together: `delivered`;
            `request lost` or `reply lost`, and the line is dead; `silence`: Redis
            acts, and nobody hears from it until the command timeout is over; `late`:
            the line is dead, and Redis gets the request later all the same; `twice`:
            it is delivered, and later comes once more.
        latency: returns how many seconds a request or a reply takes on its way.
        lateness: returns how many seconds later comes what comes late.
        is_away: whether no line of this door can be opened.
    """

    def __init__(
        self,
        server: Server | str = "memory://",
        *,
        fate: FateOf = _deliver,
        latency: Callable[[], float] = _at_once,
        lateness: Callable[[], float] = lambda: 30.0,
    ) -> None:
        """Put a bad way before *server*, itself one that is in this process.

        Raises:
            ConfigError: it is another, whose time and outages are its own.
        """
        found = server_from_url(server) if isinstance(server, str) else server
        if not found.is_in_process:
            raise ConfigError(f"FaultyServer: must be a memory:// server, got {found}")
        self.fate = fate
        self.latency = latency
        self.lateness = lateness
        self._server = found
        self.is_away = False
        # In the order in which they were opened, so that a test can be repeated.
        self._lines: dict[FaultyConnection, None] = {}

    def __str__(self) -> str:
        return str(self._server)

    def door(self) -> "FaultyServer":
        """Return another way to the same data, for another process; it is good."""
        return FaultyServer(self._server)

    def cut(self) -> None:
        """Drop all lines of this door, and what is on its way; others may be opened."""
        for line in tuple(self._lines):
            line.abort(RedisConnectionError("cut"), is_lost=True)

    def go_away(self) -> None:
        """Drop all lines of this door, and refuse new ones until `come_back`."""
        self.is_away = True
        self.cut()

    def come_back(self) -> None:
        """Let lines be opened again."""
        self.is_away = False

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Be away for the length of the block."""
        self.go_away()
        try:
            yield
        finally:
            self.come_back()

    def die(self) -> None:
        """Do what Redis sees when the process dies that uses this door.

        What it has sent still arrives; nothing more does. Follow it by a cancellation
        of what runs in that process: nothing it does then reaches Redis.
        """
        self.is_away = True
        for line in tuple(self._lines):
            line.abort(RedisConnectionError("the process has died"))

    def running(self) -> AbstractAsyncContextManager[None]:
        """Keep the server itself alive."""
        return self._server.running()

    @asynccontextmanager
    async def connect(
        self, *, scripts: Sequence[Script], name: str, command_timeout: float
    ) -> AsyncIterator[FaultyConnection]:
        """Open a line, unless the server is away."""
        await trio.sleep(self.latency())
        if self.is_away:
            raise RedisConnectionError("away")
        async with self._server.connect(
            scripts=scripts, name=name, command_timeout=command_timeout
        ) as line:
            faulty = FaultyConnection(
                line,
                fate=self._choose,
                latency=self._delay,
                command_timeout=command_timeout,
                deliver_late=self._deliver_late,
            )
            self._lines[faulty] = None
            # On the side of the network: what is sent arrives, whatever becomes of
            # the task that sent it.
            trio.lowlevel.spawn_system_task(faulty.run)
            try:
                yield faulty
            finally:
                faulty.abort(RedisConnectionError("Connection was closed"))
                del self._lines[faulty]

    def connect_sync(self, *, timeout: float) -> redis.Redis | None:
        """Return None: a thread has no business in here."""
        return self._server.connect_sync(timeout=timeout)

    @property
    def is_in_process(self) -> bool:
        """Yes."""
        return self._server.is_in_process

    def watch(self, keys: Sequence[str]) -> trio.Event:
        """Return an event that is set when one of *keys* is written to next."""
        return self._server.watch(keys)

    def clock(self) -> float:
        """Return the time of the server."""
        return self._server.clock()

    # Lines ask anew each time: both may be changed while they are open.

    def _choose(self, commands: Sequence[Command]) -> Fate:
        return self.fate(commands)

    def _delay(self) -> float:
        return self.latency()

    def _deliver_late(
        self, requests: Sequence[tuple[float, Sequence[Command]]], *, is_late: bool
    ) -> None:
        delay = self.lateness() if is_late else 0.0
        trio.lowlevel.spawn_system_task(self._carry, requests, delay)

    async def _carry(
        self, requests: Sequence[tuple[float, Sequence[Command]]], delay: float
    ) -> None:
        """Bring to Redis what was sent on lines that are dead; nobody is answered."""
        # The scripts are known to Redis: whoever sent this had loaded them.
        async with self._server.connect(
            scripts=(), name="late", command_timeout=60.0
        ) as line:
            with suppress(RedisConnectionError):
                for arrives_at, commands in requests:
                    await trio.sleep_until(arrives_at + delay)
                    await line.submit(commands).wait()


def by_chance(random: Callable[[], float], chances: Mapping[Fate, float]) -> FateOf:
    """Return a `fate` that is one of *chances* now and then, else "delivered".

    Args:
        random: returns chance, from 0 up to 1; that of a `Random` with a seed makes
            the same test of the same program.
        chances: for each fate how likely it is, from 0 to 1; 1 at most together.

    Raises:
        ConfigError: a fate is unknown, or a chance is none.
    """
    for name, chance in chances.items():
        if name not in FATES:
            allowed = ", ".join(FATES)
            raise ConfigError(f"by_chance: fates are {allowed}, got {name!r}")
        if not 0 <= chance <= 1:
            raise ConfigError(f"by_chance: {name} must be from 0 to 1, got {chance!r}")
    if sum(chances.values()) > 1:
        raise ConfigError(f"by_chance: must be 1 at most together, got {dict(chances)}")

    def choose(_: Sequence[Command]) -> Fate:
        left = random()
        for name, chance in chances.items():
            left -= chance
            if left < 0:
                return name
        return "delivered"

    return choose
