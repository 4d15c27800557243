"""The process of an embedded server: is it there, start it, stop it.

The server inherits a descriptor on which the file `alive` is locked, and so do
its children. Whoever can lock that file knows that no process is left that
might write to the folder; pid files, which lie after a crash, are not needed.
"""

import logging
import os
from pathlib import Path
from subprocess import DEVNULL

import attrs
import trio

from kiq_trio._wire.aof import mend
from kiq_trio._wire.binary import find_binary
from kiq_trio._wire.flock import locked, try_lock
from kiq_trio._wire.state_folder import socket_path
from kiq_trio.errors import ServerUnfitError

_log = logging.getLogger("kiq_trio.redis")

# As a job of a shell that leaves at once, the server is nobody's child: it does
# not matter which of its users started it, and none has to reap it.
_LAUNCH = 'log=$1; shift; exec >>"$log" 2>&1 </dev/null; "$@" &'

ANSWER_TIMEOUT = 2.0
START_TIMEOUT = 10.0
STOP_TIMEOUT = 10.0


@attrs.frozen
class Engine:
    """The server of one folder. Call `ensure` and `stop` one at a time."""

    folder: Path
    fsync: str
    mend_limit: int

    @property
    def socket(self) -> Path:
        """Where the server listens, if need be as noted by who started it."""
        try:
            return Path(self._where.read_text())
        except FileNotFoundError:
            return socket_path(self.folder)

    @property
    def log_file(self) -> Path:
        return self.folder / "server.log"

    async def ensure(self) -> bool:
        """Return when the server answers; say whether it had to be started.

        Reading its file, which may take long, is waited for without a limit.

        Raises:
            ServerUnfitError: it cannot be started, or it hangs.
        """
        was_started = False
        heard_at = trio.current_time()
        while True:
            if (descriptor := try_lock(self._alive)) is not None:
                try:
                    if was_started:
                        raise ServerUnfitError(self._complaint("stopped at once"))
                    await self._launch(descriptor)
                finally:
                    os.close(descriptor)
                was_started = True
            answer = await self._ask(b"PING")
            if answer.startswith(b"+PONG"):
                return was_started
            if answer.startswith((b"-LOADING", b"-BUSY")):
                heard_at = trio.current_time()
            if trio.current_time() > heard_at + START_TIMEOUT:
                raise ServerUnfitError(self._complaint("runs but does not answer"))
            await trio.sleep(0.01)

    async def stop(self) -> None:
        """Let the server write what it has, and wait until it is gone."""
        with trio.move_on_after(STOP_TIMEOUT):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._ask_to_stop)
                async with locked(self._alive):
                    nursery.cancel_scope.cancel()
            return
        _log.warning("%s", self._complaint("was asked to stop and did not"))

    async def wait_gone(self) -> None:
        """Return when a connection to the server breaks, or cannot be made."""
        try:
            async with await trio.open_unix_socket(self.socket) as stream:
                await stream.receive_some()
        except (OSError, trio.BrokenResourceError):
            pass

    async def _launch(self, alive: int) -> None:
        binary = await find_binary()
        await mend(binary, self.folder, limit=self.mend_limit)
        socket = socket_path(self.folder)
        # Whole or not at all: connections are made without holding the gate.
        note = self._where.with_suffix(".new")
        note.write_text(str(socket))
        note.replace(self._where)
        command = [str(binary), *self._arguments(socket)]
        await trio.run_process(
            ["/bin/sh", "-c", _LAUNCH, "sh", str(self.log_file), *command],
            pass_fds=[alive],
            # Ctrl-C in our terminal is for us: the server is needed to the end.
            start_new_session=True,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        _log.info("started %s in %s", binary, self.folder)

    def _arguments(self, socket: Path) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": self.fsync,
            # Valkey's check-aof cannot read the preamble that Valkey writes.
            "aof-use-rdb-preamble": "no",
            "save": "",
        }
        return [
            part for name, value in options.items() for part in (f"--{name}", value)
        ]

    async def _ask_to_stop(self) -> None:
        while True:
            # Its file is complete without a snapshot beside it.
            await self._ask(b"SHUTDOWN NOSAVE")
            # One that was started a moment ago does not listen yet.
            await trio.sleep(0.05)

    async def _ask(self, command: bytes) -> bytes:
        """Return the beginning of the answer, or nothing."""
        try:
            with trio.move_on_after(ANSWER_TIMEOUT):
                async with await trio.open_unix_socket(self.socket) as stream:
                    await stream.send_all(command + b"\r\n")
                    return bytes(await stream.receive_some())
        except (OSError, trio.BrokenResourceError):
            pass
        return b""

    def _complaint(self, what: str) -> str:
        try:
            lines = self.log_file.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        return (
            f"the embedded server in {self.folder} {what};"
            f" the end of {self.log_file} says: {' | '.join(lines[-3:]) or 'nothing'}"
        )

    @property
    def _alive(self) -> Path:
        return self.folder / "alive"

    @property
    def _where(self) -> Path:
        return self.folder / "socket-path"
