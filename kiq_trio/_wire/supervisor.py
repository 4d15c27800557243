"""Keeps one connection open, whatever happens to the server."""

import logging
from collections.abc import Callable
from typing import Literal, TypeAlias

import trio
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kiq_trio._wire.backoff import backoff
from kiq_trio._wire.script import Script
from kiq_trio._wire.seam import Connection, Server
from kiq_trio.errors import ServerUnfitError

State: TypeAlias = Literal["connecting", "up", "down", "closed"]

OUTAGES = (RedisConnectionError, RedisTimeoutError, OSError)
"""What a server can do to us; everything else is a bug, and rises."""

_logger = logging.getLogger("kiq_trio.redis")

# A connection that lived this long, in seconds, was not refused by a server that
# lets us in only to throw us out: the next one is tried at once again.
SETTLED = 1.0


class Supervisor:
    """Who has the connection, waits for it, or is told that there is none."""

    def __init__(
        self,
        server: Server,
        *,
        scripts: dict[str, Script],
        name: str,
        command_timeout: float,
        random: Callable[[], float],
    ) -> None:
        self.server = server
        self.name = name
        self.command_timeout = command_timeout
        self.connection: Connection | None = None
        self.state: State = "connecting"
        self.generation = 0
        self.final_error: Exception | None = None
        self.last_loss: BaseException | None = None
        self._scripts = scripts
        self._random = random
        self._lost_at: float | None = None
        self._changed = trio.Event()

    async def wait_for_connection(self) -> Connection:
        """Return the connection, however long it takes to get one.

        Raises:
            redis.exceptions.ConnectionError: there will never be one again.
        """
        while self.connection is None:
            if self.state == "closed":
                raise RedisConnectionError("this Redis client is closed")
            await self._changed.wait()
        return self.connection

    def forget(self, connection: Connection) -> None:
        """Do not hand out *connection* any more: it was found dead."""
        if self.connection is connection:
            self.connection = None

    async def run(self, scope: trio.CancelScope) -> None:
        """Connect for ever; a final error is kept, and *scope* cancelled."""
        attempt = 0
        while True:
            opened_at = None
            try:
                async with self.server.connect(
                    scripts=tuple(self._scripts.values()),
                    name=self.name,
                    command_timeout=self.command_timeout,
                ) as connection:
                    opened_at = trio.current_time()
                    self._enter(connection)
                    reason = await connection.wait_closed()
            except (AuthenticationError, ServerUnfitError) as error:
                if self.generation == 0:
                    self.final_error = error
                    scope.cancel()
                    return
                reason = error
            except OUTAGES as error:
                reason = error
            self._lose(reason)
            if opened_at and trio.current_time() - opened_at >= SETTLED:
                attempt = 0
            await trio.sleep(backoff(attempt, self._random))
            attempt += 1

    def close(self) -> None:
        """Tell everyone who waits that it is over."""
        self.connection = None
        self.state = "closed"
        self._announce()

    def _enter(self, connection: Connection) -> None:
        self.connection = connection
        self.state = "up"
        self.generation += 1
        self._announce()
        if self._lost_at is not None:
            outage = trio.current_time() - self._lost_at
            is_what = "back" if self.generation > 1 else "there"
            _logger.info("Redis at %s is %s after %.1f s", self.server, is_what, outage)
            self._lost_at = None

    def _lose(self, reason: BaseException) -> None:
        self.connection = None
        self.state = "down"
        self.last_loss = reason
        if self._lost_at is None:
            self._lost_at = trio.current_time()
            _logger.warning(
                "Redis at %s %s, trying again until it is there: %s",
                self.server,
                "is lost" if self.generation else "cannot be reached",
                str(reason) or type(reason).__name__,
            )

    def _announce(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()
