"""What a worker process measures about itself while it drains a queue.

The clock starts when the first tenth of the jobs is done, so that start-up, first
connections and caches are no part of it, and stops when the last job is done.
"""

import itertools
import json
import os
import resource
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn, Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """What a driver is asked to do.

    Attributes:
        url: the Redis, by TCP.
        warmup: how many jobs come before the clock starts.
        count: how many are measured.
        concurrency: how many may run at once.
    """

    url: str
    warmup: int
    count: int
    concurrency: int

    @property
    def total(self) -> int:
        """How many jobs there are."""
        return self.warmup + self.count


@dataclass(frozen=True)
class Reading:
    """The clocks at one moment, in seconds: the wall's, this process's, Redis's."""

    wall: float
    client: float
    redis: float

    @classmethod
    def take(cls, url: str) -> Self:
        """Read the clocks; Redis's over a connection of its own."""
        return cls(time.perf_counter(), _cpu_of_process(), _cpu_of_redis(url))


@dataclass
class Gauge:
    """Counts the jobs, reads the clocks, and ends the process with what it found."""

    load: Load
    _done: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _began: Reading | None = None

    def tick(self) -> bool:
        """Note that a job ran, in whatever thread; whether it was the last."""
        done = next(self._done)  # atomic, which `+= 1` is not.
        if done == self.load.warmup:
            self._began = Reading.take(self.load.url)
        return done == self.load.total

    def job(self) -> None:
        """Do what a no-op job does; the last one ends the measurement."""
        if self.tick():
            self.finish()

    def finish(self) -> NoReturn:
        """Print what was measured, and leave at once, in whatever thread."""
        ended = Reading.take(self.load.url)
        began = self._began
        assert began is not None, "the warm-up has not ended"
        found = {
            "seconds": ended.wall - began.wall,
            "client_cpu": ended.client - began.client,
            "redis_cpu": ended.redis - began.redis,
        }
        # To the descriptor: some peers put a logger into the place of sys.stdout.
        os.write(1, f"\n{json.dumps(found)}\n".encode())
        # Not all peers can be stopped from inside a job; this stops each of them.
        os._exit(0)


def _cpu_of_process() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _cpu_of_redis(url: str) -> float:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 6379), 10) as line:
        line.sendall(b"INFO cpu\r\nQUIT\r\n")
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    return parse_cpu(answer.decode())


def parse_cpu(info: str) -> float:
    """Return the CPU seconds of a server from its answer to `INFO cpu`."""
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    return float(fields["used_cpu_user"]) + float(fields["used_cpu_sys"])
