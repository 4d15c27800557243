"""Watching a process and its Redis beside very many jobs: memory, files, time."""

import math
import os
import re
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import attrs
import redis

MIB = 1 << 20

_RANGE = re.compile(r"LRANGE \S+ (?P<start>-?\d+) (?P<stop>-?\d+)")
_LAST = "that is all"
_TIMELY = re.compile(r"[jh]\|.+|stat:.+")


@attrs.frozen
class Shape:
    """What a process and its Redis have, which no number of jobs may let grow.

    Attributes:
        files: the open ones of the process.
        threads: those of the process.
        keys: the names of all keys but those of a minute or a day, which tell how
            many jobs it had, and expire.
    """

    files: int
    threads: int
    keys: frozenset[str]

    @classmethod
    def of(cls, pid: int, client: "redis.Redis") -> "Shape":
        """Look at both, while there is no job."""
        process = Path(f"/proc/{pid}")
        return cls(
            len(list((process / "fd").iterdir())),
            len(list((process / "task").iterdir())),
            frozenset(
                key for key in map(str, client.keys("*")) if not _TIMELY.fullmatch(key)
            ),
        )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return by how much the second of each pair grows with the first."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


@contextmanager
def heard_ranges(client: "redis.Redis") -> Iterator[list[float]]:
    """Give how many entries of lists were asked for, once the block is left.

    Those of scripts are heard as well. A range to the end of a list, counted from
    its beginning, has no length of its own: it is infinite.
    """
    heard: list[float] = []
    # redis-py has no types here.
    with client.monitor() as monitor:  # type: ignore[no-untyped-call]
        yield heard
        client.echo(_LAST)
        while (command := str(monitor.next_command()["command"])) != f"ECHO {_LAST}":
            found = _RANGE.fullmatch(command)
            if found is not None:
                heard.append(_length(int(found["start"]), int(found["stop"])))


def _length(start: int, stop: int) -> float:
    return math.inf if start >= 0 > stop else stop - start + 1


class Bystander:
    """Another client, which asks for an answer again and again, in a thread.

    Attributes:
        seconds: how long each took.
    """

    PAUSE = 0.002

    def __init__(self, url: str) -> None:
        self.seconds: list[float] = []
        self._client = redis.Redis.from_url(url)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._client.close()

    @property
    def p99(self) -> float:
        """Milliseconds within which 99 of 100 answers came."""
        return statistics.quantiles(self.seconds, n=100)[-1] * 1e3

    def _ask(self) -> None:
        while not self._is_over.wait(self.PAUSE):
            began = time.perf_counter()
            self._client.ping()
            self.seconds.append(time.perf_counter() - began)


@attrs.frozen
class Scripts:
    """How long the scripts of a server took, in milliseconds.

    Attributes:
        calls: how many were called.
        cpu: processor time of the server for each, all else that it did included.
        p99: the time within which 99 of 100 ended, others on the machine included.
        worst: the longest of these.
    """

    calls: int
    cpu: float
    p99: float
    worst: float

    @classmethod
    def read(cls, client: "redis.Redis", *, since: float) -> "Scripts":
        """Read it; `CONFIG RESETSTAT` and `SLOWLOG RESET` began anew."""
        info: Any = {**client.info("commandstats"), **client.info("latencystats")}
        calls = info["cmdstat_evalsha"]["calls"]
        slow = [
            entry["duration"]
            for entry in client.slowlog_get(-1)
            if b"EVALSHA" in bytes(entry["command"])
        ]
        return cls(
            calls,
            (cpu_of(client) - since) / calls * 1e3,
            info["latency_percentiles_usec_evalsha"]["p99"] / 1e3,
            max(slow, default=0) / 1e3,
        )

    def __str__(self) -> str:
        return (
            f"{self.calls:,} scripts, {self.cpu:.2f} ms of processor time each; 99 of "
            f"100 ended within {self.p99:.1f} ms, the last within {self.worst:.1f}"
        )


def cpu_of(client: "redis.Redis") -> float:
    """Return the processor time of a server, in seconds."""
    info: Any = client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def cpu_of_process(pid: int) -> float:
    """Return the processor time of a process, in seconds."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
