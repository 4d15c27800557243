"""Counts what happened in this process."""

from collections import Counter
from collections.abc import Sequence

from kiq_trio.events import Aborted, Ended, Event, Failed, Succeeded
from kiq_trio.reporter import Reporter


class Stats(Reporter):
    """How many jobs of each class ended in this process, and how.

    These are for looking at: the totals that Sidekiq's UI shows are counted apart,
    since a reporter may lose events.

    Attributes:
        succeeded: runs that succeeded, by class.
        failed: runs that failed, by class.
        aborted: jobs that were expired, discarded or cancelled, by class.
        seconds: time spent in runs that succeeded, by class.
    """

    def __init__(self) -> None:
        self.succeeded: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.aborted: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}

    def interests(self) -> frozenset[type]:
        """Listen to what is counted."""
        return frozenset({Succeeded, Failed, Aborted})

    async def handle_events(self, events: Sequence[Event]) -> None:
        """Count each event."""
        for event in events:
            assert type(event) is Ended
            name = event.job.job_class
            if type(event.outcome) is Succeeded:
                self.succeeded[name] += 1
                spent = self.seconds.get(name, 0.0)
                self.seconds[name] = spent + event.outcome.took
            elif type(event.outcome) is Failed:
                self.failed[name] += 1
            else:
                self.aborted[name] += 1
