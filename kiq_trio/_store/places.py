"""Where a job can be, and which ways lead from one place to another.

Nobody runs by these tables. The documentation is drawn from them, and
`tests/store/test_places.py` holds them against what the scripts do.
"""

from collections.abc import Mapping
from typing import NamedTuple

from kiq_trio._store.keys import DEAD, RETRY, SCHEDULE
from kiq_trio._store.settling import Ack, Kill, Later, Requeue, Retry, Settlement


class Place(NamedTuple):
    """Where a job can be.

    Attributes:
        state: what is said of a job that is there.
        key: the pattern of its key in `key_table.py`; empty outside of Redis.
        meaning: how long it is there.
    """

    state: str
    key: str
    meaning: str


class Way(NamedTuple):
    """How a job gets from one place to another.

    Attributes:
        start: where it was.
        end: where it is then.
        scripts: what moves it, any one of them.
        mover: who calls them.
        when: for what reason.
        by_hand: whether it is for people to want it.
    """

    start: Place
    end: Place
    scripts: tuple[str, ...]
    mover: str
    when: str
    by_hand: bool = False


UNSTORED = Place("not stored yet", "", "until Redis has it; a duplicate never is")
SCHEDULED = Place("scheduled", SCHEDULE, "until it is due, or has been snoozed enough")
ENQUEUED = Place("enqueued", "queue:NAME", "until a consumer is idle")
RUNNING = Place("running", "kiq:backup|ID", "until it has ended and Redis knows")
LEFT = Place(
    "left behind",
    "kiq:backup|ID",
    "its process has died, `ID` is in `kiq:graves`; if it lives after all, it may "
    "still settle the job, unless a rescuer was sooner",
)
FAILED = Place("to be retried", RETRY, "until its next attempt is due")
GIVEN_UP = Place("dead", DEAD, "until people want it, or there is no room for it")
DONE = Place("done", "", "nothing is left of it")

PLACES = (UNSTORED, SCHEDULED, ENQUEUED, RUNNING, LEFT, FAILED, GIVEN_UP, DONE)

WAYS = (
    Way(UNSTORED, ENQUEUED, ("enqueue", "admit"), "its buffer", "it is for now"),
    Way(UNSTORED, ENQUEUED, ("tick",), "a ticker", "a periodic job is due"),
    Way(UNSTORED, SCHEDULED, ("schedule", "admit"), "its buffer", "it is for later"),
    Way(SCHEDULED, ENQUEUED, ("move",), "a stager", "it is due"),
    Way(FAILED, ENQUEUED, ("move",), "a stager", "its next attempt is due"),
    Way(SCHEDULED, GIVEN_UP, ("move",), "a stager", "it is due, and is no job"),
    Way(FAILED, GIVEN_UP, ("move",), "a stager", "it is due, and is no job"),
    Way(ENQUEUED, RUNNING, ("fetch",), "a producer", "a consumer is idle"),
    Way(RUNNING, DONE, ("settle",), "the settler", "nobody wants it any more"),
    Way(RUNNING, FAILED, ("settle",), "the settler", "it failed"),
    Way(RUNNING, SCHEDULED, ("settle",), "the settler", "it wants to run later"),
    Way(RUNNING, GIVEN_UP, ("settle",), "the settler", "it is given up, or is no job"),
    Way(RUNNING, ENQUEUED, ("settle",), "the settler", "it was interrupted"),
    Way(
        RUNNING,
        LEFT,
        ("bury", "leave", "bury_orphan"),
        "a rescuer, or its process on leaving",
        "its process does not move, or has gone",
    ),
    Way(LEFT, ENQUEUED, ("drain",), "a rescuer", "it is to be run again"),
    Way(LEFT, GIVEN_UP, ("drain",), "a rescuer", "it has killed three processes"),
    Way(
        GIVEN_UP,
        DONE,
        ("settle", "drain"),
        "whoever adds another",
        "there are more than `dead_limit`, or it is older than `dead_timeout`",
    ),
    Way(UNSTORED, SCHEDULED, ("schedule",), "people", "put there", by_hand=True),
    Way(UNSTORED, FAILED, ("schedule",), "people", "put there", by_hand=True),
    Way(UNSTORED, GIVEN_UP, ("schedule",), "people", "declared dead", by_hand=True),
    Way(SCHEDULED, ENQUEUED, ("move",), "people", "it shall run now", by_hand=True),
    Way(FAILED, ENQUEUED, ("move",), "people", "it shall run now", by_hand=True),
    Way(GIVEN_UP, ENQUEUED, ("move",), "people", "it shall run again", by_hand=True),
    Way(SCHEDULED, GIVEN_UP, ("move",), "people", "it is killed", by_hand=True),
    Way(FAILED, GIVEN_UP, ("move",), "people", "it is killed", by_hand=True),
    Way(SCHEDULED, DONE, ("move",), "people", "cancelled or deleted", by_hand=True),
    Way(FAILED, DONE, ("move",), "people", "cancelled or deleted", by_hand=True),
    Way(GIVEN_UP, DONE, ("move",), "people", "deleted", by_hand=True),
    Way(ENQUEUED, DONE, ("remove",), "people", "cancelled or deleted", by_hand=True),
)
"""All but `clear`, which deletes every job, and `trim`, which deletes old dead ones."""

DESTINATIONS: Mapping[type[Settlement], Place] = {
    Ack: DONE,
    Retry: FAILED,
    Later: SCHEDULED,
    Kill: GIVEN_UP,
    Requeue: ENQUEUED,
}
"""Where a settlement brings its job."""
