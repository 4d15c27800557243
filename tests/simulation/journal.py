"""What the jobs of the simulation do, and when they may do it again."""

from collections import defaultdict
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs
import trio

from kiq_trio._pipeline.suspects import POISON_LIMIT
from tests.simulation.witness import Witness

ONE_AT_A_TIME = ("alone", "unique")

State: TypeAlias = Literal["running", "ended", "failed", "interrupted"]


@attrs.define(eq=False)
class Run:
    """One run of a job.

    Attributes:
        label: which job.
        identity: the name of the process that holds it.
        kind: what kind of job.
        is_dead: whether that process was killed.
        is_excused: whether it was stopped: then it could not end its runs in time.
        state: how far it came.
    """

    label: str
    identity: str
    kind: str
    is_dead: Callable[[], bool]
    is_excused: Callable[[], bool]
    state: State = "running"


@attrs.define(eq=False)
class Journal:
    """All runs; it refuses those that must not be.

    Attributes:
        witness: what Redis knows, and where it is written down.
        runs: by job, in order.
    """

    witness: Witness
    runs: dict[str, list[Run]] = attrs.field(factory=lambda: defaultdict(list))

    def begin(self, run: Run) -> None:
        """Take note that *run* begins.

        A job runs again only if its last run did not succeed, or if the process that
        ran it is no longer known: then it was taken for dead, or left.
        """
        # A process that was stopped begins what it holds before it hears of its burial.
        is_late = run.is_excused() and not self.witness.is_registered(run.identity)
        for before in [] if is_late else self.runs[run.label]:
            is_over = before.state in {"failed", "interrupted"}
            if not is_over and self.witness.is_registered(before.identity):
                self.witness.object(
                    f"{run.label} runs again in {run.identity}, and is {before.state} "
                    f"in {before.identity}, which is well"
                )
        if run.kind == "fatal" and len(self.runs[run.label]) == POISON_LIMIT:
            self.witness.object(f"{run.label} has killed {POISON_LIMIT} processes")
        if run.kind.startswith(ONE_AT_A_TIME) and not is_late:
            self._refuse_company(run)
        self.runs[run.label].append(run)
        self.witness.write(f"{run.label} begins in {run.identity}")

    def _refuse_company(self, run: Run) -> None:
        """No two exclusive runs of a job, nor two unique jobs, go on at once."""
        for other in self.running(run.kind):
            is_meant = run.kind.startswith("unique") or other.label == run.label
            if is_meant and not other.is_excused():
                self.witness.object(f"{run.label} runs beside {other.label}")

    def end(self, run: Run, state: State) -> None:
        """Take note of how *run* ended."""
        # What a dead process does is done in no world.
        if not run.is_dead():
            run.state = state
            self.witness.write(f"{run.label} {state} in {run.identity}")

    def running(self, kind: str) -> list[Run]:
        """Return the runs of that kind that go on in processes that live."""
        return [
            run
            for runs in self.runs.values()
            for run in runs
            if run.kind == kind and run.state == "running" and not run.is_dead()
        ]

    def has_ended(self, label: str) -> bool:
        """Whether a run of *label* came to its end."""
        return any(run.state == "ended" for run in self.runs[label])

    @property
    def extra(self) -> int:
        """How many runs came to their end that were not the first of their job."""
        return sum(
            max(0, sum(run.state == "ended" for run in runs) - 1)
            for runs in self.runs.values()
        )


async def spend(journal: Journal, run: Run, seconds: float, *, fails: bool) -> None:
    """Be a run that takes so long."""
    journal.begin(run)
    try:
        await trio.sleep(seconds)
    except trio.Cancelled:
        journal.end(run, "interrupted")
        raise
    if fails:
        journal.end(run, "failed")
        raise RuntimeError(run.label)
    journal.end(run, "ended")
