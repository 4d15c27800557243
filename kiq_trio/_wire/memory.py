"""A Redis inside this process, for tests, demonstrations and development."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import redis
import redis.exceptions
import trio

from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.fake_database import MemoryState
from kiq_trio._wire.fake_socket import MemorySocket
from kiq_trio._wire.script import Script
from kiq_trio._wire.seam import Connection, Server
from kiq_trio._wire.slot import Argument, Command, Slot


class MemoryServer(Server):
    """A Redis that lives as long as this object; each has data of its own.

    It needs no socket, no thread and no task while idle. Its time, and with it
    every expiry, is that of *clock*, by default one that passes as Trio's does:
    under a mock clock, a day of time-to-live takes no time at all.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = TrioClock() if clock is None else clock
        self._state = MemoryState(self._clock)

    def __str__(self) -> str:
        return "memory://"

    def running(self) -> AbstractAsyncContextManager[None]:
        """Do nothing: the server is there as soon as it is made."""
        return nullcontext()

    @asynccontextmanager
    async def connect(
        self,
        *,
        scripts: Sequence[Script] = (),
        name: str = "kiq_trio",
        command_timeout: float = 5.0,  # noqa: ARG002 - a call of a function needs none.
    ) -> AsyncIterator["MemoryConnection"]:
        """Open a connection; the block's end closes it, blocked commands and all."""
        await trio.lowlevel.checkpoint()
        connection = MemoryConnection(self._state)
        connection.submit([("CLIENT", "SETNAME", name)])
        connection.submit([("SCRIPT", "LOAD", script.source) for script in scripts])
        try:
            yield connection
        finally:
            connection.abort(redis.exceptions.ConnectionError("Connection was closed"))

    def connect_sync(self, *, timeout: float) -> redis.Redis | None:  # noqa: ARG002 - the seam's.
        """Return None: a thread has no business in here."""
        return None

    @property
    def is_in_process(self) -> bool:
        """Yes: nobody who uses it can die alone."""
        return True

    def watch(self, keys: Sequence[str]) -> trio.Event:
        """Return an event that is set when one of *keys* is written to next."""
        return self._state.watch(frozenset(key.encode() for key in keys))

    def clock(self) -> float:
        """Return the time that this server's TIME tells too."""
        return self._clock()


class MemoryConnection(Connection):
    """A line to a `MemoryServer`; commands run while `submit` does.

    So a task that is cancelled while it waits for its slot is always cancelled
    *after* Redis has acted, the case that careless code forgets.
    """

    def __init__(self, state: MemoryState) -> None:
        self._socket = MemorySocket(
            state, on_unblocked=self._go_on, on_kill=self._die_of_kill
        )
        self._asked: deque[tuple[Slot, list[bytes]]] = deque()
        self._dead: BaseException | None = None
        self._closed = trio.Event()

    @property
    def client_id(self) -> int:
        """The number by which CLIENT UNBLOCK and CLIENT KILL know this line."""
        return self._socket.client_id

    @property
    def protocol(self) -> int:
        """3: replies have the shapes of RESP3."""
        return 3

    def submit(self, commands: Sequence[Command], *, decode: bool = False) -> Slot:
        """Run *commands* now, unless one before them is still blocked."""
        encoded = [[_encode(part) for part in command] for command in commands]
        if self._dead is not None:
            raise redis.exceptions.ConnectionError(str(self._dead)) from self._dead
        slot = Slot(len(encoded), decode=decode)
        self._asked.extend((slot, fields) for fields in encoded)
        self._advance()
        return slot

    async def wait_closed(self) -> BaseException:
        """Return why the line went dead, once it has."""
        await self._closed.wait()
        assert self._dead is not None
        return self._dead

    def abort(self, reason: BaseException) -> None:
        """Close the line; nothing stays blocked on its account."""
        if self._dead is not None:
            return
        self._dead = reason
        self._socket.kill()
        self._closed.set()
        for slot, _ in self._asked:
            slot.fail(reason)
        self._asked.clear()

    def _advance(self) -> None:
        while self._asked and not self._socket.is_parked:
            _, fields = self._asked[0]
            reply = self._socket.execute(fields)
            if not self._socket.is_parked:
                self._take(reply)

    def _go_on(self, reply: Any) -> None:
        self._take(reply)
        self._advance()

    def _take(self, reply: Any) -> None:
        # The command may have killed its own connection: nobody is left to tell.
        if self._asked:
            slot, _ = self._asked.popleft()
            slot.fill(_try_decode(reply) if slot.decode else reply)

    def _die_of_kill(self) -> None:
        self.abort(redis.exceptions.ConnectionError("Connection closed by server."))


def _encode(argument: Argument) -> bytes:
    """Return *argument* as redis-py would write it."""
    match argument:
        case bytes():
            return argument
        case str():
            return argument.encode()
        case int() | float() if not isinstance(argument, bool):
            return repr(argument).encode()
    kind = type(argument).__name__
    raise redis.exceptions.DataError(f"expected bytes, str, int or float, got {kind}")


def _try_decode(reply: Any) -> Any:
    try:
        return _decode(reply)
    except UnicodeDecodeError as error:
        # As on a real line: the caller asked for text, and this is none.
        return error


def _decode(reply: Any) -> Any:
    match reply:
        case bytes():
            return reply.decode()
        case list():
            return [_decode(item) for item in reply]
        case dict():
            return {_decode(key): _decode(value) for key, value in reply.items()}
    return reply
