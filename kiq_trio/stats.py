"""What happened in this process, counted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kiq_trio.events import (
    Aborted,
    Failed,
    Interrupted,
    Outcome,
    Snoozed,
    Succeeded,
)


class Stats:
    """How many jobs of each class ended in this process, and how.

    These are for looking at, and end with the process; the totals that Sidekiq's UI
    shows are in Redis.

    Attributes:
        succeeded: runs that succeeded, by class.
        failed: runs that failed, by class.
        aborted: jobs that were expired, discarded or cancelled, by class.
        snoozed: runs that put their job off, by class.
        interrupted: runs that a shutdown has cancelled, by class.
        seconds: time spent in runs that succeeded, by class.
    """

    def __init__(self) -> None:
        self.succeeded: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.aborted: Counter[str] = Counter()
        self.snoozed: Counter[str] = Counter()
        self.interrupted: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        self._counters: dict[type, Counter[str]] = {
            Succeeded: self.succeeded,
            Failed: self.failed,
            Aborted: self.aborted,
            Snoozed: self.snoozed,
            Interrupted: self.interrupted,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return all of it, as of now, fit for JSON."""
        counters = ("succeeded", "failed", "aborted", "snoozed", "interrupted")
        return {
            **{name: dict(getattr(self, name)) for name in counters},
            "seconds": dict(self.seconds),
        }

    def count(self, job_class: str, outcome: Outcome) -> None:
        """Count one job that has ended."""
        if type(outcome) is Succeeded:
            self.count_successes(job_class, (outcome.took,))
        else:
            self._counters[type(outcome)][job_class] += 1

    def count_successes(self, job_class: str, spans: Sequence[float]) -> None:
        """Count runs of one class that succeeded and lasted so many seconds each."""
        self.succeeded[job_class] += len(spans)
        self.seconds[job_class] = self.seconds.get(job_class, 0.0) + sum(spans)
