"""A Redis that we start ourselves, and that processes on one machine share.

Everyone who uses a folder holds its file `lock` shared, so the system knows who
is there, even of those that were killed. Coming and going happens one at a time,
under the file `gate`: who comes finds the server or starts it, and who goes and
can lock `lock` for himself was the last, and stops it.
"""

import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
import trio

from kiq_trio._background import open_service_nursery
from kiq_trio._wire.address import Address
from kiq_trio._wire.engine import STOP_TIMEOUT, Engine
from kiq_trio._wire.flock import locked, try_lock
from kiq_trio._wire.remote import RemoteServer
from kiq_trio._wire.script import Script
from kiq_trio._wire.seam import Connection, Server
from kiq_trio._wire.state_folder import default_folder, make_private
from kiq_trio.errors import ConfigError, ServerUnfitError

_log = logging.getLogger("kiq_trio.redis")

Fsync = Literal["everysec", "always"]

MEND_LIMIT = 4 * 1024 * 1024
LEAVE_TIMEOUT = STOP_TIMEOUT + 5
LONGEST_RETRY = 30.0


class EmbeddedServer(Server):
    """A Redis or Valkey of our own, its data in *directory*.

    It runs while anybody uses the directory, in this process or another, and is
    started again if it dies. With *fsync* `"always"` nothing that was answered
    is lost even if the machine fails; with `"everysec"` that may cost a second.

    At most *mend_limit* bytes of a torn file are cut off before a start.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        fsync: Fsync = "everysec",
        mend_limit: int = MEND_LIMIT,
    ) -> None:
        folder = (directory or default_folder()).expanduser().resolve()
        self._engine = Engine(folder, fsync, mend_limit)

    @classmethod
    def from_url(cls, url: str) -> "EmbeddedServer":
        """Read `embedded://`, `embedded:///abs/dir` or `embedded://relative/dir`.

        Raises:
            ConfigError: something follows `?` that is not `fsync=...`.
        """
        parts = urlsplit(url)
        fsync: Fsync = "everysec"
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            if name != "fsync" or value not in get_args(Fsync):
                raise ConfigError(
                    f"{url}: after ? only fsync=everysec or fsync=always is allowed,"
                    f" got {name}={value}"
                )
            fsync = "always" if value == "always" else "everysec"
        name = unquote(parts.netloc + parts.path)
        return cls(Path(name) if name else None, fsync=fsync)

    def __str__(self) -> str:
        return f"embedded://{self._engine.folder}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Share the server with its other users, starting it for the first.

        Raises:
            ServerUnfitError: there is no server to start, or it does not start.
            ConfigError: the directory is open to other users.
        """
        make_private(self._engine.folder)
        presence = await self._come()
        try:
            async with open_service_nursery() as nursery:
                nursery.start_soon(self._keep_alive)
                yield
        finally:
            with trio.CancelScope(shield=True):
                await self._go(presence)

    def connect(
        self, *, scripts: Sequence[Script], name: str, command_timeout: float
    ) -> AbstractAsyncContextManager[Connection]:
        """Open a line by the server's Unix socket."""
        return self._remote().connect(
            scripts=scripts, name=name, command_timeout=command_timeout
        )

    def connect_sync(self, *, timeout: float) -> redis.Redis | None:
        """Return redis-py's own blocking client, for a thread."""
        return self._remote().connect_sync(timeout=timeout)

    @property
    def is_in_process(self) -> bool:
        """No: others may use the same directory."""
        return False

    def watch(self, keys: Sequence[str]) -> trio.Event:  # noqa: ARG002 - the seam's.
        """Return an event that is never set: we would have to ask Redis."""
        return trio.Event()

    def clock(self) -> float:
        """Return the time of day: the server is on this machine."""
        return time.time()

    def _remote(self) -> RemoteServer:
        # Asked anew each time: who starts the server again chooses where.
        return RemoteServer(Address(path=str(self._engine.socket)))

    async def _come(self) -> int:
        async with locked(self._gate):
            presence = try_lock(self._lock, shared=True)
            assert presence is not None, "who locks it for himself holds the gate"
            try:
                await self._engine.ensure()
            except BaseException:
                # It may have been started all the same, and then has no user.
                with trio.CancelScope(shield=True):
                    await self._depart(presence)
                raise
        return presence

    async def _go(self, presence: int) -> None:
        with trio.move_on_after(LEAVE_TIMEOUT) as scope:
            async with locked(self._gate):
                await self._depart(presence)
        if scope.cancelled_caught:
            _log.warning("%s: left without looking who else is there", self)

    async def _depart(self, presence: int) -> None:
        os.close(presence)
        alone = try_lock(self._lock)
        if alone is None:
            return
        try:
            await self._engine.stop()
        finally:
            os.close(alone)

    async def _keep_alive(self) -> None:
        while True:
            await self._engine.wait_gone()
            await self._revive()

    async def _revive(self) -> None:
        delay = 0.1
        while True:
            try:
                async with locked(self._gate):
                    was_started = await self._engine.ensure()
            except (ServerUnfitError, OSError) as error:
                _log.error("%s; trying again in %g s", error, delay)
                await trio.sleep(delay)
                delay = min(delay * 2, LONGEST_RETRY)
            else:
                if was_started:
                    _log.warning("%s had stopped and was started again", self)
                return

    @property
    def _lock(self) -> Path:
        return self._engine.folder / "lock"

    @property
    def _gate(self) -> Path:
        return self._engine.folder / "gate"
