"""How long runs took, by class, for the Metrics tab of Sidekiq's UI (wire.md §5)."""

from bisect import bisect_right
from collections.abc import Sequence

import attrs

from kiq_trio._faults import is_class_name
from kiq_trio._store.measuring import Measure
from kiq_trio.errors import UnknownWorkerError
from kiq_trio.events import Aborted, Failed, Interrupted, Outcome
from kiq_trio.job import Job

LIMITS = (
    *(20, 30, 45, 65, 100, 150, 225, 335, 500, 750, 1_100, 1_700, 2_500),
    *(3_800, 5_750, 8_500, 13_000, 20_000, 30_000, 45_000, 65_000, 100_000),
    *(150_000, 225_000, 335_000),
)
"""Milliseconds below which a run is in the first bucket, the second and so on."""

_SHORTEST = LIMITS[0] / 1000

_MOST_CLASSES = 1_000
"""A name may come from a payload, where anything can stand."""


@attrs.define(eq=False)
class Measures:
    """The runs since last asked, by class."""

    by_class: dict[str, Measure] = attrs.field(factory=dict)

    def add(self, job: Job, outcome: Outcome) -> None:
        """Count a run of *job*; what was not run is not counted."""
        kind = type(outcome)
        if kind is Failed and type(outcome.error) is UnknownWorkerError:  # type: ignore[union-attr]  # told by its type.
            return
        if kind is Aborted and not outcome.took:
            return
        wrapped = job.rest.get("wrapped")
        name = wrapped if type(wrapped) is str and wrapped else job.job_class
        if kind is Failed or kind is Interrupted:
            measure = self._of(name)
            if measure is not None:
                measure.runs += 1
                measure.failures += 1
        else:
            self.add_successes(name, (outcome.took,))

    def add_successes(self, job_class: str, spans: Sequence[float]) -> None:
        """Count runs of one class that lasted so many seconds each."""
        measure = self._of(job_class)
        if measure is None:
            return
        measure.runs += len(spans)
        measure.seconds += sum(spans)
        if max(spans) < _SHORTEST:
            measure.histogram[0] += len(spans)
            return
        for seconds in spans:
            measure.histogram[bisect_right(LIMITS, int(seconds * 1000))] += 1

    def take(self) -> dict[str, Measure]:
        """Return what there is, and start to count anew."""
        taken, self.by_class = self.by_class, {}
        return taken

    def _of(self, name: str) -> Measure | None:
        measure = self.by_class.get(name)
        if measure is None and len(self.by_class) < _MOST_CLASSES:
            # The page prints it raw, links to it and splits its fields (wire.md §8.3),
            # and what is wrapped is any text.
            if not is_class_name(name):
                return None
            measure = self.by_class[name] = Measure()
        return measure
