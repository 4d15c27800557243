"""Jobs that somebody has cancelled, and that are not to be run any more."""

from collections.abc import Callable

import attrs

from kiq_trio.job import Job

SKEW = 60.0
"""By how many seconds clocks may differ: those that stamp jobs, and orders."""


@attrs.frozen
class Recall:
    """That a job was cancelled: why, and when in epoch seconds."""

    reason: str
    at: float


@attrs.define(eq=False)
class Recalls:
    """What was cancelled of late, by jid.

    A job that waits in Redis is removed there by whoever cancels it. This is for
    those that are on their way, such as from a dead process to another.

    Attributes:
        now: returns epoch seconds.
        lifetime: for how many seconds to remember.
        by_jid: what is remembered. As long as that is empty, which is nearly
            always, consumers look no further.
    """

    now: Callable[[], float]
    lifetime: float
    by_jid: dict[str, Recall] = attrs.field(factory=dict)

    def add(self, jid: str, recall: Recall) -> None:
        """Remember that *jid* was cancelled."""
        self._forget()
        # Anew at the end: the first is always the oldest.
        self.by_jid.pop(jid, None)
        self.by_jid[jid] = recall

    def find(self, job: Job) -> Recall | None:
        """Return why *job* is not to be run, if it was cancelled.

        A job may be enqueued anew under an old jid: it is another one if it was
        created more than a minute after the order.
        """
        self._forget()
        recall = self.by_jid.get(job.jid)
        return recall if recall is not None and is_meant(job, recall.at) else None

    def _forget(self) -> None:
        oldest = self.now() - self.lifetime
        while self.by_jid:
            jid, recall = next(iter(self.by_jid.items()))
            if recall.at > oldest:
                return
            del self.by_jid[jid]


def is_meant(job: Job, at: float) -> bool:
    """Whether an order that was given at *at* concerns *job*, by its age."""
    created_at = job.created_at
    return created_at is None or created_at <= at + SKEW
