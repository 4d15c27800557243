"""What happens to a job, told to reporters in this order: started, then ended."""

from types import TracebackType
from typing import TypeAlias

import attrs

from kiq_trio.job import Job


@attrs.define
class Succeeded:
    """The worker returned.

    Attributes:
        took: seconds the run lasted.
    """

    took: float


@attrs.define
class Failed:
    """The worker raised, ran too long, or is unknown.

    Attributes:
        error: what it raised.
        took: seconds the run lasted.
    """

    error: BaseException
    took: float

    @property
    def traceback(self) -> TracebackType | None:
        """Where it was raised."""
        return self.error.__traceback__


@attrs.define
class Aborted:
    """The job is done with, on purpose, though it did not succeed.

    Attributes:
        reason: why, in one word: `"expired"` before it could start, `"discarded"` or
            `"cancelled"` by its worker or by people, or its `"deadline"` has passed.
        took: seconds the run lasted, 0 if there was none.
        detail: what the worker said, or whoever cancelled it.
    """

    reason: str
    took: float = 0.0
    detail: str = ""


@attrs.define
class Snoozed:
    """The worker wants the job to run again later; no retry is counted.

    Attributes:
        seconds: how much later.
        took: seconds the run lasted.
    """

    seconds: float
    took: float


@attrs.define
class Interrupted:
    """The run was cancelled by a shutdown, or because we lost the job.

    It is no failure: the job goes back to the front of its queue and no retry is
    counted.

    Attributes:
        took: seconds the run lasted.
    """

    took: float


Outcome: TypeAlias = Succeeded | Failed | Aborted | Interrupted | Snoozed
"""How a run went."""


@attrs.define
class Started:
    """A consumer is about to run the job."""

    job: Job


@attrs.define
class Ended:
    """The job has left the consumer, and Redis knows where it is now."""

    job: Job
    outcome: Outcome


Event: TypeAlias = Started | Ended

KINDS: frozenset[type] = frozenset(
    {Started, Succeeded, Failed, Aborted, Interrupted, Snoozed}
)
"""What a reporter may be interested in."""
