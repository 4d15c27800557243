"""The test's side of the processes it starts, stops and kills."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs

from tests.faults.effects import History

ROOT = Path(__file__).parents[2]


@attrs.define(eq=False)
class Process:
    """A worker or an enqueuer."""

    herd: "Herd"
    name: str
    pid: int
    is_alive: bool = True
    is_asked: bool = attrs.field(default=False, init=False)
    """Whether it was asked to stop. Asked again at its very end, when it listens to
    signals no more, it would die of it."""

    @property
    def log(self) -> str:
        return (self.herd.folder / f"{self.name}.log").read_text()

    @property
    def errors(self) -> str:
        """What it wrote to its standard error: nothing, unless something is wrong."""
        path = self.herd.folder / f"{self.name}.err"
        return path.read_text() if path.exists() else ""

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it in the middle of whatever it does, and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL

    def terminate(self) -> None:
        """Ask it to stop gracefully."""
        self.is_asked = True
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, timeout: float = 10) -> int:
        """Return its exit status once it has ended."""
        status = self.herd.order({"wait": self.pid, "timeout": timeout})
        assert status is not None, f"{self.name} still runs:\n{self.log[-3000:]}"
        self.is_alive = False
        return int(status)


class Herd:
    """All processes of one test, forked from one warm parent.

    Attributes:
        folder: where they write effects, acknowledgements and logs.
        processes: all that were ever started.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.processes: list[Process] = []
        self._url = url
        self._forker = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def work(self, **options: Any) -> Process:
        """Start a worker; *options* are those of `Kiq`, and `pace`: 1 is production."""
        return self._start("work", options)

    def enqueue(self, **options: Any) -> Process:
        """Start an enqueuer; see `worker_process` for its options."""
        return self._start("enqueue", options)

    @property
    def alive(self) -> list[Process]:
        return [process for process in self.processes if process.is_alive]

    @property
    def history(self) -> History:
        return History.read([self.folder / "effects"])

    @property
    def registrations(self) -> int:
        """How often a worker joined."""
        return sum(process.log.count("registered as") for process in self.processes)

    @property
    def acknowledged(self) -> list[str]:
        """What enqueuers were told is stored."""
        path = self.folder / "acks"
        return path.read_text().split() if path.exists() else []

    def stop(self) -> None:
        """Stop all gracefully; none may have met a bug."""
        for process in self.alive:
            if not process.is_asked:
                process.terminate()
        for process in self.alive:
            status = process.wait()
            assert status == 0, f"{process.name}: {status}\n{process.errors}"

    def order(self, order: dict[str, Any]) -> Any:
        """Have the forker obey *order*; return its answer."""
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        self._forker.stdin.write(f"{json.dumps(order)}\n")
        self._forker.stdin.flush()
        return json.loads(self._forker.stdout.readline())

    def _start(self, role: str, options: dict[str, Any]) -> Process:
        name = f"{role}-{len(self.processes)}"
        pid = self.order(
            {
                "role": role,
                "folder": str(self.folder),
                "name": name,
                "options": {"redis_url": self._url, **options},
            }
        )
        process = Process(self, name, pid)
        self.processes.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self._forker.communicate()
