"""Measuring a piece of work: the time it takes, and the CPU time of this process."""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Self

import attrs


@attrs.frozen
class Sample:
    """One measurement.

    Attributes:
        count: how many jobs, or operations, there were.
        seconds: how long they took.
        cpu: how many seconds of CPU this process spent on them.
    """

    count: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.count / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per operation."""
        return self.cpu / self.count * 1e6


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


@attrs.frozen
class Median:
    """What many rounds of one case came to.

    Attributes:
        rate: median operations per second.
        best: highest operations per second.
        cpu_us: median CPU microseconds per operation.
        least_us: lowest of them.
    """

    rate: float
    best: float
    cpu_us: float
    least_us: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Self:
        """Return the medians of *samples*."""
        rates = [sample.rate for sample in samples]
        costs = [sample.cpu_us for sample in samples]
        return cls(
            statistics.median(rates), max(rates), statistics.median(costs), min(costs)
        )


Case = Callable[[], Awaitable[Sample]]


async def interleave(cases: Mapping[str, Case], rounds: int) -> dict[str, Median]:
    """Measure *cases* in turns, so that a slow minute hits all of them alike."""
    samples: dict[str, list[Sample]] = {name: [] for name in cases}
    for turn in range(rounds):
        names = list(cases)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            samples[name].append(await cases[name]())
    return {name: Median.of(found) for name, found in samples.items()}
