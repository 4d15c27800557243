"""How a job goes on after its run, in one table.

`settlement.py` decides by rules. The documentation shows this table, and
`tests/pipeline/test_fates.py` tries every outcome under all circumstances against it.
"""

from typing import NamedTuple

from kiq_trio._store.settling import Ack, Kill, Later, Requeue, Retry, Settlement
from kiq_trio.events import Aborted, Failed, Interrupted, Outcome, Snoozed, Succeeded


class Fate(NamedTuple):
    """What becomes of a job.

    Attributes:
        outcome: how its run went.
        when: and what else is so.
        settlement: where it goes.
    """

    outcome: type[Outcome]
    when: str
    settlement: type[Settlement]


FATES = (
    Fate(Succeeded, "its worker returned", Ack),
    Fate(Failed, "it raised, ran too long or is unknown; retries are left", Retry),
    Fate(Failed, "none are left, or its worker says `KILL`", Kill),
    Fate(
        Failed,
        "`retry=False`, or its worker says `DISCARD`, or it is exhausted and says "
        "`dead=False`, or the retry would come after its deadline",
        Ack,
    ),
    Fate(Snoozed, "its worker raised or returned `Snooze`; no retry is counted", Later),
    Fate(
        Aborted,
        "it had expired, its deadline passed, it was cancelled, or its worker raised "
        "or returned `Discard` or `Cancel`",
        Ack,
    ),
    Fate(
        Interrupted,
        "cancelled by a stop, or because we lost the right to hold it; no retry is "
        "counted",
        Requeue,
    ),
)
