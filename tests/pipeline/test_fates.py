"""The table of fates, tried under all circumstances."""

from itertools import product
from typing import Any, get_args

from kiq_trio._pipeline.fates import FATES
from kiq_trio._pipeline.settlement import Circumstances, RetryWish, settle
from kiq_trio._store.places import DESTINATIONS
from kiq_trio.events import Aborted, Failed, Interrupted, Outcome, Snoozed, Succeeded
from kiq_trio.job import Job
from kiq_trio.verdicts import DISCARD, KILL

NOW = 1_800_000_000.0

OUTCOMES: list[Outcome] = [
    Succeeded(1.0),
    Failed(ValueError("boom"), 1.0),
    *(
        Aborted(reason)
        for reason in ("expired", "deadline", "discarded", "cancelled", "of another")
    ),
    Snoozed(60, took=1.0),
    Interrupted(1.0),
]
WISHES: list[RetryWish] = [None, 30.0, DISCARD, KILL]
RETRIES: list[bool | int] = [True, False, 0, 1, 25]
COUNTS = [None, 0, 24, 25]
FIELDS: list[dict[str, Any]] = [
    {},
    {"dead": False},
    {"kiq_deadline": (NOW + 1) * 1000},
    {"retry_for": 60, "failed_at": (NOW - 3600) * 1000},
    {"unique_token": "t", "unique_for": 60},
]


def test_every_outcome_has_exactly_the_fates_of_the_table() -> None:
    seen = set()
    for outcome, retry, count, fields, wish in product(
        OUTCOMES, RETRIES, COUNTS, FIELDS, WISHES
    ):
        rest = fields if count is None else {**fields, "retry_count": count}
        job = Job(job_class="A", jid="1", retry=retry, rest=rest)
        found = settle(job, outcome, Circumstances(NOW, lambda: 0.0), wish)
        seen.add((type(outcome), type(found)))

    assert seen == {(fate.outcome, fate.settlement) for fate in FATES}


def test_every_outcome_and_every_settlement_is_in_the_table() -> None:
    assert {fate.outcome for fate in FATES} == set(get_args(Outcome))
    assert {fate.settlement for fate in FATES} == set(DESTINATIONS)
