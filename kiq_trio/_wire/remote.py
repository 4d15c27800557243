"""A Redis that somebody else runs, reached by URL."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from functools import partial

import redis
import trio
from redis.exceptions import TimeoutError as RedisTimeoutError

from kiq_trio._background import open_service_nursery
from kiq_trio._wire.address import Address, HostPort
from kiq_trio._wire.handshake import greet
from kiq_trio._wire.line import open_line
from kiq_trio._wire.mux import SocketConnection
from kiq_trio._wire.redispy_clients import make_sync
from kiq_trio._wire.script import Script
from kiq_trio._wire.sentinel import find_primary, leave_deposed
from kiq_trio._wire.transport import open_transport


class RemoteServer:
    """A `Server` at an address: TCP, TLS, a Unix socket, or through Sentinels."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._sentinels = list(address.sentinels)

    def __str__(self) -> str:
        return str(self.address)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Nothing to keep alive: it is not ours."""
        return nullcontext()

    @asynccontextmanager
    async def connect(
        self, *, scripts: Sequence[Script], name: str, command_timeout: float
    ) -> AsyncIterator[SocketConnection]:
        """As `Server.connect`."""
        deadline = trio.current_time() + command_timeout
        with _limit(deadline, f"could not connect within {command_timeout:g} s"):
            place = await self._find(command_timeout)
            transport = await open_transport(self.address, place)
        async with open_line(transport, command_timeout=command_timeout) as connection:
            with _limit(deadline, f"no greeting within {command_timeout:g} s"):
                await greet(connection, self.address, scripts=scripts, name=name)
            async with self._watching(connection, place, command_timeout):
                yield connection

    def connect_sync(self, *, timeout: float) -> redis.Redis:
        """As `Server.connect_sync`."""
        return make_sync(self.address, timeout=timeout)

    @property
    def is_in_process(self) -> bool:
        """No: it goes on without us."""
        return False

    def watch(self, keys: Sequence[str]) -> trio.Event:  # noqa: ARG002 - the seam's.
        """Return an event that is never set: we would have to ask Redis."""
        return trio.Event()

    def clock(self) -> float:
        """As `Server.clock`."""
        return time.time()

    @asynccontextmanager
    async def _watching(
        self, connection: SocketConnection, primary: HostPort, command_timeout: float
    ) -> AsyncIterator[None]:
        if not self._sentinels:
            yield
            return
        async with open_service_nursery() as nursery:
            watch = partial(leave_deposed, command_timeout=command_timeout)
            nursery.start_soon(
                watch, connection, self.address, primary, self._sentinels
            )
            yield

    async def _find(self, command_timeout: float) -> HostPort:
        if not self._sentinels:
            return self.address.host, self.address.port
        return await find_primary(
            self.address, self._sentinels, command_timeout=command_timeout
        )


@contextmanager
def _limit(deadline: float, message: str) -> Iterator[None]:
    with trio.CancelScope(deadline=deadline) as scope:
        yield
    if scope.cancelled_caught:
        raise RedisTimeoutError(message)
