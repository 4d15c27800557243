"""Counts what happened in this process."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kiq_trio.events import (
    Aborted,
    Ended,
    Event,
    Failed,
    Interrupted,
    Snoozed,
    Succeeded,
)
from kiq_trio.reporter import Reporter


class Stats(Reporter):
    """How many jobs of each class ended in this process, and how.

    These are for looking at: the totals that Sidekiq's UI shows are counted apart,
    since a reporter may lose events.

    Attributes:
        succeeded: runs that succeeded, by class.
        failed: runs that failed, by class.
        aborted: jobs that were expired, discarded or cancelled, by class.
        snoozed: runs that put their job off, by class.
        interrupted: runs that a shutdown has cancelled, by class.
        seconds: time spent in runs that succeeded, by class.
        lost: events that are missing here.
    """

    def __init__(self) -> None:
        self.succeeded: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.aborted: Counter[str] = Counter()
        self.snoozed: Counter[str] = Counter()
        self.interrupted: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        self.lost = 0
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
            "lost": self.lost,
        }

    def interests(self) -> frozenset[type]:
        """Listen to what is counted."""
        return frozenset(self._counters)

    async def handle_events(self, events: Sequence[Event]) -> None:
        """Count each event."""
        for event in events:
            assert type(event) is Ended
            name, outcome = event.job.job_class, event.outcome
            self._counters[type(outcome)][name] += 1
            if type(outcome) is Succeeded:
                self.seconds[name] = self.seconds.get(name, 0.0) + outcome.took

    async def handle_lost(self, count: int) -> None:
        """Count what cannot be counted."""
        self.lost += count
