"""Measures jobs for libraries of metrics, under a bounded number of names."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from kiq_trio._conversions import to_workers
from kiq_trio.errors import UnknownWorkerError
from kiq_trio.events import (
    Aborted,
    Ended,
    Event,
    Failed,
    Interrupted,
    Outcome,
    Snoozed,
    Started,
    Succeeded,
)
from kiq_trio.job import Job
from kiq_trio.reporter import Reporter

UNKNOWN: Final = "unknown"
"""The class of a job if no worker of that name is known to have run here."""

OTHER: Final = "other"
"""The queue of a job when more than `QUEUES_LIMIT` were seen before it."""

QUEUES_LIMIT = 100

BUCKETS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds between which durations are told apart: jobs take longer than requests."""

_OUTCOMES: dict[type, str] = {
    Succeeded: "success",
    Failed: "failure",
    Aborted: "aborted",
    Snoozed: "snoozed",
    Interrupted: "interrupted",
}


class Metrics(Protocol):
    """Where measurements go; it must neither wait nor raise."""

    def ended(self, job_class: str, queue: str, outcome: str) -> None:
        """Count a job that has left its consumer."""
        ...

    def took(self, job_class: str, queue: str, seconds: float) -> None:
        """Note how long a run lasted."""
        ...

    def running(self, queue: str, change: int) -> None:
        """Add *change* to the number of jobs that run."""
        ...

    def lost(self, count: int) -> None:
        """Count events that were lost."""
        ...


class Measuring(Reporter):
    """Hands measurements of jobs to *metrics*.

    Each name is a time series that lives as long as the process, and anybody may
    write names into Redis. So a class is named once a worker called so has run
    here, or if it is one of *workers*; queues are named until they are too many.
    """

    def __init__(self, metrics: Metrics, workers: Iterable[Any]) -> None:
        self._metrics = metrics
        self._classes = set(to_workers(workers))
        self._queues: set[str] = set()
        # By jid, the queue under which each was counted.
        self._running: dict[str, str] = {}

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Forget at the end what was running."""
        try:
            yield
        finally:
            self._forget()

    async def handle_events(self, events: Sequence[Event]) -> None:
        """Measure each event."""
        for event in events:
            if type(event) is Started:
                self._begin(event.job)
            elif type(event) is Ended:
                self._end(event.job, event.outcome)

    async def handle_lost(self, count: int) -> None:
        """Count what cannot be measured."""
        self._metrics.lost(count)
        # Whose end was lost would be counted as running for ever.
        self._forget()

    def _begin(self, job: Job) -> None:
        if job.jid in self._running:
            return
        queue = self._running[job.jid] = self._name_queue(job)
        self._metrics.running(queue, 1)

    def _end(self, job: Job, outcome: Outcome) -> None:
        begun_in = self._running.pop(job.jid, None)
        if begun_in is not None:
            self._metrics.running(begun_in, -1)
        if _has_a_worker(outcome):
            self._classes.add(job.job_class)
        name = job.job_class if job.job_class in self._classes else UNKNOWN
        queue = self._name_queue(job)
        self._metrics.ended(name, queue, _OUTCOMES[type(outcome)])
        if outcome.took > 0:
            self._metrics.took(name, queue, outcome.took)

    def _name_queue(self, job: Job) -> str:
        if job.queue not in self._queues:
            if len(self._queues) >= QUEUES_LIMIT:
                return OTHER
            self._queues.add(job.queue)
        return job.queue

    def _forget(self) -> None:
        for queue in self._running.values():
            self._metrics.running(queue, -1)
        self._running.clear()


def _has_a_worker(outcome: Outcome) -> bool:
    """Whether a job that ended so must have had a worker here."""
    if type(outcome) is Failed:
        return not isinstance(outcome.error, UnknownWorkerError)
    return type(outcome) is Succeeded or type(outcome) is Snoozed
