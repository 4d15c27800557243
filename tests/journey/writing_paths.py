"""The table of all ways by which payloads of ours come where pages show them.

That no place of the source is missing is the claim of `test_writing_places.py`; that
each way goes through just the places it names, and hurts no page, of `test_pages.py`.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import attrs

from tests.journey import writings as do
from tests.journey.writings import AT_REST, Deed


@attrs.frozen(kw_only=True)
class Path:
    """A way by which payloads come somewhere.

    Attributes:
        deed: goes it.
        where: all places of payloads afterwards.
        places: of the source, that make what is stored.
        scripts: those that store it.
        options: of the process.
        broken: rules that are broken since others have broken them, and we leave
            what they wrote as it is (docs/sidekiq.md).
    """

    deed: Deed
    where: AbstractSet[str]
    places: AbstractSet[str]
    scripts: AbstractSet[str]
    options: Mapping[str, Any] = attrs.field(factory=dict)
    broken: AbstractSet[str] = frozenset()


BATCH = "_pipeline.lane:Lane._make_batch Batch"
STAGED = "_services.stager:Stager._move Move"
TICKED = "_services.ticker:Ticker._order NewJob"
RETRIED = "_pipeline.settlement:place Retry"
KILLED = "_pipeline.settlement:_kill Kill"
SLEPT = "_pipeline.settlement:settle Later"
PUT_OFF = "_pipeline.closed:Closed.put_off Later"
NOT_PUT_OFF = "_pipeline.closed:Closed.put_off Kill"
TOO_LARGE = "_pipeline.consumer:Consumer._bury_unread Kill"
NO_JOB = "_pipeline.consumer:Consumer._bury Kill"
NOT_WRITTEN = "_pipeline.failing:Failures.settle Kill"
RESCUED = "_services.recovery:_stamp Rescued"
RESCUED_AS_IT_IS = "_services.recovery:recover Rescued"
RUN_AGAIN = "_store.tending:_to_queue Move"
TAKEN_OUT = "_store.tending:_out Move"
POPPED = "_store.tending:_away Move"
LAID = "api.sets:JobSet.schedule Laying"

DEFAULT = "queue:default"
DEEP = {
    "elsewhere it does",
    "a job that failed says when",
    "there is a queue that a page can be linked to",
}
"""Ruby cannot read what is nested so deeply, and shows it as text (wire.md §1.6)."""


PATHS = (
    Path(
        deed=do.enqueue,
        where={DEFAULT},
        options=AT_REST,
        places={BATCH},
        scripts={"enqueue"},
    ),
    Path(
        deed=do.enqueue_on_terms,
        where={DEFAULT},
        options=AT_REST,
        places={BATCH},
        scripts={"admit"},
    ),
    Path(
        deed=do.schedule,
        where={DEFAULT, "schedule"},
        options=AT_REST,
        places={BATCH},
        scripts={"enqueue", "schedule"},
    ),
    Path(
        deed=do.stage,
        where={DEFAULT},
        options=AT_REST,
        places={BATCH, STAGED},
        scripts={"schedule", "move"},
    ),
    Path(
        deed=do.stage_what_cannot_run,
        where={"dead"},
        options=AT_REST,
        places={STAGED},
        scripts={"move"},
        broken={"args are a list"},
    ),
    Path(
        deed=do.tick,
        where={DEFAULT},
        options={**AT_REST, "periodics": [("0 * * * *", do.die)]},
        places={TICKED},
        scripts={"tick"},
    ),
    Path(
        deed=do.fail_once,
        where={"retry"},
        places={BATCH, RETRIED},
        scripts={"enqueue", "settle"},
    ),
    Path(
        deed=do.fail_thrice,
        where={"retry"},
        places={BATCH, RETRIED, STAGED},
        scripts={"enqueue", "settle", "move"},
    ),
    Path(deed=do.fail_as_twins, where={"retry"}, places={RETRIED}, scripts={"settle"}),
    Path(
        deed=do.fail_after_others, where={"retry"}, places={RETRIED}, scripts={"settle"}
    ),
    Path(
        deed=do.fail_with_a_tag,
        where={"retry", "schedule"},
        places={RETRIED, SLEPT},
        scripts={"settle"},
    ),
    Path(
        deed=do.fail_with_oddities,
        options={"accept": ["encrypt"]},
        where={"retry", "dead"},
        places={RETRIED, KILLED},
        scripts={"settle"},
    ),
    Path(
        deed=do.put_off_with_oddities,
        where={"schedule", "dead"},
        places={PUT_OFF, NOT_PUT_OFF},
        scripts={"settle"},
    ),
    Path(
        deed=do.die_at_once,
        where={"dead"},
        places={BATCH, KILLED},
        scripts={"enqueue", "settle"},
    ),
    Path(deed=do.be_no_job, where={"dead"}, places={NO_JOB}, scripts={"settle"}),
    Path(deed=do.be_too_large, where={"dead"}, places={TOO_LARGE}, scripts={"settle"}),
    Path(
        deed=do.be_too_deep,
        where={"dead"},
        places={NOT_WRITTEN, NOT_PUT_OFF},
        scripts={"settle"},
        broken=DEEP,
    ),
    Path(
        deed=do.be_snoozed,
        where={"schedule"},
        places={BATCH, SLEPT},
        scripts={"enqueue", "settle"},
    ),
    Path(
        deed=do.be_put_off,
        where={"schedule"},
        places={BATCH, PUT_OFF},
        scripts={"enqueue", "settle"},
    ),
    Path(
        deed=do.be_interrupted,
        where={DEFAULT},
        options=AT_REST,
        places={BATCH},
        scripts={"enqueue", "settle"},
    ),
    Path(
        deed=do.lose_its_process,
        where={DEFAULT},
        options=AT_REST,
        places={RESCUED},
        scripts={"drain"},
    ),
    Path(
        deed=do.kill_its_processes,
        where={"dead"},
        options=AT_REST,
        places={RESCUED},
        scripts={"drain"},
    ),
    Path(
        deed=do.be_in_no_queue,
        where={"dead"},
        options=AT_REST,
        places={RESCUED_AS_IT_IS},
        scripts={"drain"},
    ),
    Path(
        deed=do.run_by_hand,
        where={DEFAULT},
        options=AT_REST,
        places={RUN_AGAIN},
        scripts={"move"},
    ),
    Path(
        deed=do.kill_by_hand,
        where={"dead"},
        options=AT_REST,
        places={BATCH, TAKEN_OUT},
        scripts={"schedule", "move"},
        # What never was in a queue: so Sidekiq's own kill leaves it (wire.md §2.6).
        broken={"elsewhere it does"},
    ),
    Path(
        deed=do.put_by_hand,
        where={"schedule", "retry", "dead"},
        options=AT_REST,
        places={LAID},
        scripts={"schedule"},
        # What never was in a queue: Sidekiq's own `schedule` leaves it so as well.
        broken={"elsewhere it does"},
    ),
    Path(
        deed=do.pop_by_hand,
        where={"dead"},
        options=AT_REST,
        places={LAID, POPPED},
        scripts={"schedule", "move"},
    ),
    Path(
        deed=do.reschedule_by_hand,
        where={"schedule"},
        options=AT_REST,
        places={BATCH},
        scripts={"schedule"},
    ),
    Path(
        deed=do.delete_by_hand,
        where={DEFAULT},
        options=AT_REST,
        places={BATCH},
        scripts={"enqueue"},
    ),
)
