"""A stopwatch that reads the clocks of Redis as well."""

import time
from typing import Any, Self

import attrs
import redis

from bench.clock import Sample


@attrs.frozen
class Reading:
    """What Redis had done at one moment, since its start."""

    cpu: float
    trips: int
    commands: int

    @classmethod
    def parse(cls, info: dict[str, Any]) -> Self:
        """Read it from the answer to `INFO`; without the CPU time of its children."""
        return cls(
            float(info["used_cpu_user"]) + float(info["used_cpu_sys"]),
            int(info["total_reads_processed"]),
            int(info["total_commands_processed"]),
        )


class Meter:
    """Starts when made; `stop` says what was measured, here and in Redis.

    It has a connection of its own, which blocks: what it asks lies outside of what it
    measures, but for one command, which it subtracts.
    """

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url)
        self._before = self._read()
        self._seconds: float | None = None
        self._cpu_began = time.process_time()
        self._began = time.perf_counter()

    def lap(self) -> None:
        """Note that the last job is done; what follows counts as CPU time only."""
        self._seconds = time.perf_counter() - self._began

    def stop(self, count: int) -> Sample:
        """Return the measurement of *count* operations."""
        if self._seconds is None:
            self.lap()
        assert self._seconds is not None
        cpu = time.process_time() - self._cpu_began
        after = self._read()
        self._redis.close()
        return Sample(
            count,
            self._seconds,
            cpu,
            after.cpu - self._before.cpu,
            after.trips - self._before.trips - 1,
            after.commands - self._before.commands - 1,
        )

    def _read(self) -> Reading:
        return Reading.parse(self._redis.info("cpu", "stats"))
