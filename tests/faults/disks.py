"""Disks that are full, for a server that writes down all it is told."""

import resource
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.durable import DurableServer

SIZE = 2_000_000
"""Bytes of a small disk."""


class Disk(ABC):
    """What the folder of *server* is on."""

    def __init__(self, server: DurableServer) -> None:
        self.server = server

    @abstractmethod
    def fill(self) -> None:
        """Let there be no room for anything more."""

    @abstractmethod
    def free(self) -> None:
        """Let there be room."""

    @abstractmethod
    def begin(self) -> None:
        """Have it there, before the server starts."""

    @abstractmethod
    def end(self) -> None:
        """Have it there no longer."""


@contextmanager
def small_disk(server: DurableServer) -> Iterator[Disk]:
    """Have a disk that can be full, a real one if we may mount it."""
    disk: Disk = SmallDisk(server)
    try:
        disk.begin()
    except (OSError, subprocess.CalledProcessError):
        disk = LimitedFiles(server)
        disk.begin()
    try:
        yield disk
    finally:
        disk.end()


class SmallDisk(Disk):
    """A real one, in memory, which a file of somebody else fills."""

    def begin(self) -> None:
        kind = ["-t", "tmpfs", "-o", f"size={SIZE}", "small"]
        command = ["mount", *kind, str(self.server.folder)]
        subprocess.run(command, capture_output=True, check=True)

    def end(self) -> None:
        # Even under a server that still runs, since a test has failed.
        subprocess.run(["umount", "--lazy", self.server.folder], check=True)

    def fill(self) -> None:
        with self._other.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def free(self) -> None:
        self._other.unlink()

    @property
    def _other(self) -> Path:
        return self.server.folder / "other"


class LimitedFiles(Disk):
    """None at all: its files may not grow, which a server takes for the same."""

    def begin(self) -> None:
        # What is blocked here is so in the server, which would die of it otherwise.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGXFSZ})

    def end(self) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGXFSZ})

    def fill(self) -> None:
        files = self.server.folder.glob("appendonlydir/*.incr.aof")
        self._limit(max(path.stat().st_size for path in files))

    def free(self) -> None:
        if self.server.is_running:
            self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        limits = (size, resource.RLIM_INFINITY)
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, limits)
