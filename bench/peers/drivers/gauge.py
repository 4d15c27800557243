"""What a process measures about itself while it enqueues jobs or runs them.

The clock starts when the first tenth of the jobs is done, so that start-up, first
connections and caches are no part of it, and stops when the last job is done.
"""

import itertools
import json
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, Self
from urllib.parse import urlsplit

BATCH = 1_000
"""How many jobs go together in bulk: what Sidekiq advises."""


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
    """What was spent until one moment: time here; time, reads, commands in Redis."""

    seconds: float
    cpu: float
    redis_cpu: float
    trips: int
    commands: int

    @classmethod
    def take(cls, url: str) -> Self:
        """Read the clocks; Redis's over a connection of its own."""
        redis = parse(_info(url))
        return cls(time.perf_counter(), _cpu_of_process(), *redis)

    def since(self, before: Self) -> dict[str, float]:
        """Return what was spent since *before*, but for the command that asked."""
        return {
            "seconds": self.seconds - before.seconds,
            "cpu": self.cpu - before.cpu,
            "redis_cpu": self.redis_cpu - before.redis_cpu,
            "trips": self.trips - before.trips - 1,
            "commands": self.commands - before.commands - 1,
        }


class Task(Protocol):
    """What the jobs of a worker do."""

    load: Load
    at_end: Callable[[], object]

    def job(self) -> float:
        """Do what a job does, in whatever thread; return how long it is to sleep."""
        ...


@dataclass
class Gauge:
    """Counts the jobs, reads the clocks, and says what it found.

    As a `Task`, its jobs do nothing; the last one calls `at_end`, which prints the
    figures and ends the process, unless the driver has something better.
    """

    load: Load
    at_end: Callable[[], object] = field(init=False)
    _done: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _began: Reading | None = None

    def __post_init__(self) -> None:
        self.at_end = self.leave

    def each(self) -> Iterator[int]:
        """Yield the numbers of the jobs to enqueue one by one, and measure it."""
        for batch in self.batches(1):
            yield from batch

    def batches(self, size: int = BATCH) -> Iterator[range]:
        """Yield the numbers of the jobs to enqueue in bulk, and measure it."""
        load = self.load
        yield from _cut(range(load.warmup), size)
        self._began = Reading.take(load.url)
        yield from _cut(range(load.warmup, load.total), size)
        self.report()

    def job(self) -> float:
        """Note that a job ran."""
        done = next(self._done)  # atomic, which `+= 1` is not.
        if done == self.load.warmup:
            self._began = Reading.take(self.load.url)
        elif done == self.load.total:
            self.at_end()
        return 0.0

    def report(self) -> None:
        """Print what was measured."""
        ended = Reading.take(self.load.url)
        assert self._began is not None, "the warm-up has not ended"
        found = {"count": self.load.count, **ended.since(self._began)}
        # To the descriptor: some peers put a logger into the place of sys.stdout.
        os.write(1, f"\n{json.dumps(found)}\n".encode())

    def leave(self) -> None:
        """Print what was measured, and end the process at once."""
        self.report()
        # Not all peers can be stopped from inside a job; this stops each of them.
        os._exit(0)


@dataclass
class Held:
    """Jobs that write down who runs them, and then sleep: somebody will be killed."""

    load: Load
    path: str
    seconds: float
    at_end: Callable[[], object] = field(default=lambda: None)

    def job(self) -> float:
        """Add a line to the file: the process, and the moment."""
        line = f"{os.getpid()} {time.monotonic()}\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)
        return self.seconds


def _cut(numbers: range, size: int) -> Iterator[range]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def _cpu_of_process() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _info(url: str) -> str:
    parts = urlsplit(url)
    with (
        socket.create_connection((parts.hostname, parts.port or 6379), 10) as line,
        line.makefile("rb") as answer,
    ):
        line.sendall(b"INFO\r\n")
        length = int(answer.readline()[1:])
        return answer.read(length).decode()


def parse(info: str) -> tuple[float, int, int]:
    """Return CPU seconds, reads and commands of a server from its answer to `INFO`."""
    found = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    return (
        float(found["used_cpu_user"]) + float(found["used_cpu_sys"]),
        int(found["total_reads_processed"]),
        int(found["total_commands_processed"]),
    )
