"""A server in the process that is as unkind as a real one can be."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias

import trio
from redis.exceptions import ConnectionError as RedisConnectionError

from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryConnection, MemoryServer
from kiq_trio._wire.slot import Command, Slot

Fate: TypeAlias = Literal["delivered", "request lost", "reply lost", "unheard"]
"""Unheard: Redis acts, now or when it is no longer blocked, on a line that is dead
without anybody knowing it."""


class UnkindServer(MemoryServer):
    """It can be away, lose what it is asked or what it answers, and refuse.

    Attributes:
        fate: decides what becomes of commands that travel together.
        refusal: returns the error to answer a command with, which is then not run.
        delay: seconds each answer takes.
        asked: every command that was sent, also those that were lost.
    """

    def __init__(self, clock: TrioClock) -> None:
        super().__init__(clock)
        self.fate: Callable[[Sequence[Command]], Fate] = lambda _: "delivered"
        self.refusal: Callable[[Command], Exception | None] = lambda _: None
        self.delay = 0.0
        self.asked: list[Command] = []
        self._is_away = False
        self._lines: set[MemoryConnection] = set()

    def kind_door(self) -> MemoryServer:
        """Return a way to the same data on which nothing is lost."""
        door = MemoryServer(self._clock)
        door._state = self._state
        return door

    def go_away(self) -> None:
        """Drop all connections, and refuse new ones until `come_back`."""
        self._is_away = True
        for line in tuple(self._lines):
            line.abort(RedisConnectionError("away"))

    def come_back(self) -> None:
        self._is_away = False

    @asynccontextmanager
    async def connect(self, **options: Any) -> AsyncIterator[MemoryConnection]:
        if self._is_away:
            raise RedisConnectionError("away")
        async with super().connect(**options) as line:
            line.__class__ = UnkindConnection
            assert isinstance(line, UnkindConnection)
            line.server = self
            self._lines.add(line)
            try:
                yield line
            finally:
                self._lines.discard(line)


class UnkindConnection(MemoryConnection):
    server: UnkindServer

    def submit(self, commands: Sequence[Command], *, decode: bool = False) -> Slot:
        server = self.server
        server.asked += commands
        fate = server.fate(commands)
        if fate == "delivered":
            if not any(map(server.refusal, commands)) and not server.delay:
                return super().submit(commands, decode=decode)
            return LateSlot([self._answer(one) for one in commands], server.delay)
        if fate == "unheard":
            super().submit(commands)
            return Slot(len(commands))
        if fate == "reply lost":
            super().submit(commands)
        lost = Slot(len(commands))
        self.abort(RedisConnectionError(fate))
        lost.fail(RedisConnectionError(fate))
        return lost

    def _answer(self, command: Command) -> Any:
        refusal = self.server.refusal(command)
        return refusal or super().submit([command]).replies[0]


class LateSlot(Slot):
    """Has its replies already, and gives them after a while."""

    def __init__(self, replies: list[Any], delay: float) -> None:
        super().__init__(len(replies))
        self.replies = replies
        self.delay = delay

    async def wait(self) -> list[Any]:
        await trio.sleep(self.delay)
        return self.replies


def touches(command: Command, key: str | bytes) -> bool:
    """Whether *command* names *key*."""
    return key in command
