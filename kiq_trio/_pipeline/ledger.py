"""What is running in this process right now, and what has ended."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import attrs
import trio

from kiq_trio._pipeline.measures import Measures
from kiq_trio._pipeline.runs import Run
from kiq_trio.events import Failed, Interrupted, Outcome, Succeeded
from kiq_trio.job import Job
from kiq_trio.stats import Stats


@attrs.define(eq=False)
class Ledger:
    """What is running, by consumer, and how the runs ended since last asked.

    Attributes:
        now: returns epoch seconds.
        stats: how runs ended, by class, since the program began.
        running: what each busy consumer runs.
        tasks: which task each consumer is.
        processed: runs that ended, failed ones included (wire.md §3).
        failed: those that failed.
        measures: how long they took, by class.
    """

    now: Callable[[], float]
    stats: Stats = attrs.field(factory=Stats)
    running: dict[str, Run] = attrs.field(factory=dict)
    tasks: dict[str, trio.lowlevel.Task] = attrs.field(factory=dict)
    processed: int = 0
    failed: int = 0
    measures: Measures = attrs.field(factory=Measures)

    def busy(self) -> Iterator[tuple[trio.lowlevel.Task, Run]]:
        """Return what runs, by the task that runs it."""
        for name, run in self.running.items():
            if name in self.tasks:
                yield self.tasks[name], run

    def count(self, runs: Iterable[Run]) -> None:
        """Count *runs*, which have ended; many together cost less than each alone."""
        spans: defaultdict[str, list[float]] = defaultdict(list)
        for run in runs:
            job, outcome = run.job, run.outcome
            if job is None or outcome is None:
                continue
            self.processed += 1
            if type(outcome) is Succeeded and "wrapped" not in job.rest:
                spans[job.job_class].append(outcome.took)
            else:
                self._count(job, outcome)
        for job_class, seconds in spans.items():
            self.measures.add_successes(job_class, seconds)
            self.stats.count_successes(job_class, seconds)

    def take_counts(self) -> tuple[int, int]:
        """Return processed and failed, and start to count anew."""
        counts = self.processed, self.failed
        self.processed = self.failed = 0
        return counts

    def give_back(self, processed: int, failed: int) -> None:
        """Count again what could not be told to Redis."""
        self.processed += processed
        self.failed += failed

    def _count(self, job: Job, outcome: Outcome) -> None:
        # As Sidekiq counts it: pushed back, it was processed and it failed.
        if isinstance(outcome, Failed | Interrupted):
            self.failed += 1
        self.measures.add(job, outcome)
        self.stats.count(job.job_class, outcome)
