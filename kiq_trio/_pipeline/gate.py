"""Decides whether a job that was fetched is run at all."""

from collections.abc import Callable

import attrs

from kiq_trio._pipeline.closed import Closed
from kiq_trio._pipeline.recalls import Recalls
from kiq_trio._pipeline.suspects import STAMPS
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import Settlement
from kiq_trio.events import Aborted
from kiq_trio.job import Job

_LIMITS = frozenset({"expires_at", "expiry", "expires_in", "kiq_deadline"})
"""Fields of a payload that say when it is too late."""

_LOCKS = frozenset({"unique_token", "unique_until"})
"""Fields of a payload that say what its end, or its beginning, gives back."""


@attrs.define(eq=False)
class Gate:
    """Lets jobs pass that are still wanted.

    Attributes:
        now: returns epoch seconds.
        recalls: what was cancelled of late.
        closed: what can only be run where there is other middleware.
    """

    now: Callable[[], float]
    recalls: Recalls
    closed: Closed = attrs.field(factory=lambda: Closed(()))
    _marks: frozenset[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._marks = _LIMITS | _LOCKS | {STAMPS, *self.closed.fields}

    def waves_through(self, job: Job) -> bool:
        """Whether *job* needs no look: no limit, no lock, nothing that we lack.

        Nor was it ever found in a grave. Nearly every job is like that. One that is
        not may run nevertheless.
        """
        return self._marks.isdisjoint(job.rest) and job.jid not in self.recalls.by_jid

    def refuse(self, job: Job) -> Aborted | None:
        """Return how *job* ends without a run; None if it may run."""
        if not _LIMITS.isdisjoint(job.rest):
            expires_at, deadline = job.expires_at, job.deadline
            if expires_at is not None and expires_at <= self.now():
                return Aborted("expired")
            if deadline is not None and deadline <= self.now():
                return Aborted("deadline")
        if self.recalls.by_jid:
            recall = self.recalls.find(job)
            if recall is not None:
                return Aborted("cancelled", detail=recall.reason)
        return None

    def put_off(self, job: Job, delivery: Delivery) -> Settlement | None:
        """Return where *job* goes if it cannot be run here; None if it can."""
        field = self.closed.find(job)
        if field is None:
            return None
        return self.closed.put_off(job, delivery, field, self.now())

    def seconds_left(self, deadline: float) -> float:
        """Return for how long a job may run whose deadline that is."""
        return deadline - self.now()
