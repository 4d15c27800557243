"""Measuring a piece of work: time, CPU, what went to Redis; in interleaved rounds."""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Self, TypeAlias

import attrs

Row: TypeAlias = dict[str, float]
"""Figures by name; `bench.table` knows what each is called and how it is written."""


@attrs.frozen
class Sample:
    """One measurement.

    Attributes:
        count: how many jobs, or operations, there were.
        seconds: how long they took.
        cpu: how many seconds of CPU this process spent on them.
        redis_cpu: how many Redis spent.
        trips: how often Redis found something to read on a connection: round trips.
        commands: how many commands it ran, those inside of scripts included.
    """

    count: int
    seconds: float
    cpu: float
    redis_cpu: float = 0.0
    trips: int = 0
    commands: int = 0

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.count / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per operation."""
        return self.cpu / self.count * 1e6

    def row(self) -> Row:
        """Return the figures, per operation."""
        return {
            "rate": self.rate,
            "cpu_us": self.cpu_us,
            "redis_us": self.redis_cpu / self.count * 1e6,
            "trips": self.trips / self.count,
            "commands": self.commands / self.count,
        }


@attrs.define
class Stopwatch:
    """Starts when made; `stop` says what it has measured."""

    _began: float = attrs.field(factory=time.perf_counter)
    _cpu: float = attrs.field(factory=time.process_time)

    @classmethod
    def start(cls) -> Self:
        """Return a running stopwatch."""
        return cls()

    def stop(self, count: int) -> Sample:
        """Return the measurement of *count* operations."""
        return Sample(
            count,
            time.perf_counter() - self._began,
            time.process_time() - self._cpu,
        )


Case: TypeAlias = Callable[[], Awaitable[Sample]]
Rounds: TypeAlias = dict[str, list[Sample]]
"""What each case came to, round by round."""


async def interleave(cases: Mapping[str, Case], rounds: int) -> Rounds:
    """Measure *cases* in turns, so that a slow minute hits all of them alike."""
    samples: Rounds = {name: [] for name in cases}
    for turn in range(rounds):
        names = list(cases)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            samples[name].append(await cases[name]())
    return samples


def medians(rounds: Rounds, against: str | None = None) -> dict[str, Row]:
    """Return a row for each case; figures are medians of its rounds.

    Args:
        rounds: what `interleave` found.
        against: a case of which the CPU time of all others is a multiple, taken
            round by round, for the machine may be faster in one than in another.
    """
    rows = {}
    for name, samples in rounds.items():
        each = [sample.row() for sample in samples]
        row = {key: statistics.median(one[key] for one in each) for key in each[0]}
        row["best"] = max(sample.rate for sample in samples)
        row["least_us"] = min(sample.cpu_us for sample in samples)
        if against is not None:
            row["ratio"] = _ratio(samples, rounds[against])
        rows[name] = row
    return rows


def _ratio(samples: Sequence[Sample], bases: Sequence[Sample]) -> float:
    pairs = zip(samples, bases, strict=True)
    return statistics.median(one.cpu_us / base.cpu_us for one, base in pairs)
