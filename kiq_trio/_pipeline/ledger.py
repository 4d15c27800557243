"""What is running in this process right now, and how many runs there were."""

from collections.abc import Callable, Iterator

import attrs
import trio

from kiq_trio._pipeline.measures import Measures
from kiq_trio._store.fetching import Delivery


@attrs.define
class Run:
    """One job that a consumer is busy with.

    Attributes:
        delivery: the job as it was fetched.
        began: when, on Trio's clock.
    """

    delivery: Delivery
    began: float


@attrs.define(eq=False)
class Ledger:
    """What is running, by consumer, and how many runs ended since last asked.

    Attributes:
        now: returns epoch seconds.
        running: what each busy consumer runs.
        tasks: which task each consumer is.
        processed: runs that ended, failed ones included (wire.md §3).
        failed: those that failed.
        measures: how long they took, by class.
    """

    now: Callable[[], float]
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

    def take_counts(self) -> tuple[int, int]:
        """Return processed and failed, and start to count anew."""
        counts = self.processed, self.failed
        self.processed = self.failed = 0
        return counts

    def give_back(self, processed: int, failed: int) -> None:
        """Count again what could not be told to Redis."""
        self.processed += processed
        self.failed += failed
