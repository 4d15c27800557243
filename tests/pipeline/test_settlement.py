"""Where a job goes after its run is decided as Sidekiq decides it."""

import base64
import json
import random
import zlib
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiq_trio._fields import to_ms
from kiq_trio._pipeline.settlement import (
    Circumstances,
    describe,
    name_class,
    retry_delay,
    settle,
)
from kiq_trio._store.settling import Ack, Kill, Later, Requeue, Retry
from kiq_trio.encoder import encode
from kiq_trio.events import Aborted, Failed, Interrupted, Snoozed, Succeeded
from kiq_trio.job import Job
from kiq_trio.verdicts import DISCARD, KILL, Wish

NOW = 1_795_318_226.776


def given_(**changes: Any) -> Circumstances:
    return Circumstances(**{"now": NOW, "random": lambda: 0.0, **changes})


def fail(job: Job, error: BaseException | None = None, **changes: Any) -> Any:
    outcome = Failed(error or ValueError("boom"), 0.1)
    return settle(job, outcome, given_(**changes))


def fields(settlement: Retry | Kill) -> dict[str, Any]:
    loaded = json.loads(settlement.payload)
    assert isinstance(loaded, dict)
    return loaded


def test_a_job_that_succeeded_or_was_aborted_is_done_with() -> None:
    job = Job(job_class="A")

    assert settle(job, Succeeded(1.0), given_()) == Ack()
    assert settle(job, Aborted("expired"), given_()) == Ack()


def test_an_interrupted_job_goes_back_and_no_retry_is_counted() -> None:
    assert settle(Job(job_class="A"), Interrupted(1.0), given_()) == Requeue()


def test_the_life_of_a_snoozed_job_counts_from_when_it_is_to_start_again() -> None:
    mortal = Job(job_class="A", rest={"expires_in": 10, "expires_at": to_ms(NOW)})
    of_ruby = Job(job_class="A", rest={"expires_in": 10})

    later = settle(mortal, Snoozed(60, took=1.0), given_())
    other = settle(of_ruby, Snoozed(60, took=1.0), given_())

    assert isinstance(later, Later)
    assert Job.decode(later.payload).expires_at == pytest.approx(NOW + 70, abs=0.001)
    assert isinstance(other, Later)
    assert "expires_at" not in Job.decode(other.payload).rest


def test_a_snoozed_job_waits_in_the_schedule_and_no_retry_is_counted() -> None:
    job = Job(job_class="A", jid="1", rest={"retry_count": 2, "enqueued_at": 5})

    later = settle(job, Snoozed(60, took=1.0), given_())

    assert later == Later(NOW + 60, job.set(enqueued_at=None).encode())


def test_the_first_failure_is_number_zero() -> None:
    retry = fail(Job(job_class="A", jid="1"))

    assert isinstance(retry, Retry)
    assert retry.at == NOW + 15
    assert fields(retry) | {"class": "A"} == {
        "class": "A",
        "args": [],
        "queue": "default",
        "jid": "1",
        "retry": True,
        "error_message": "boom",
        "error_class": "ValueError",
        "failed_at": 1_795_318_226_776,
        "retry_count": 0,
    }


def test_later_failures_keep_the_time_of_the_first() -> None:
    job = Job(job_class="A", rest={"failed_at": 5, "retry_count": 0})

    kept = fields(fail(job))

    assert (kept["failed_at"], kept["retry_count"]) == (5, 1)
    assert kept["retried_at"] == 1_795_318_226_776


def test_a_first_failure_that_was_run_again_by_hand_comes_once_more() -> None:
    job = Job(job_class="A", rest={"failed_at": 5, "retry_count": -1})

    kept = fields(fail(job))

    assert (kept["failed_at"], kept["retry_count"]) == (5, 0)


@pytest.mark.parametrize(
    ("count", "after"),
    [(20_000, 20_001), (10**40, 10**40 + 1), ("4", 5), (4.0, 5), ("?", 0), (-3, -2)],
)
def test_failures_are_counted_on_from_what_others_counted(
    count: Any, after: int
) -> None:
    job = Job(
        job_class="A", retry=10_000, rest={"failed_at": 5.5, "retry_count": count}
    )

    kept = fields(fail(job))

    assert (kept["retry_count"], kept["failed_at"]) == (after, 5.5)


@pytest.mark.parametrize(
    "odd",
    [{"jid": 12345}, {"retry": 20_000}, {"retry": "5"}, {"retry": 2.5}, {"retry": -1}],
)
def test_a_failure_leaves_what_others_said_in_their_way(odd: dict[str, Any]) -> None:
    job = Job.from_map({"class": "A", "args": [1], "queue": "q", **odd})

    kept = fields(fail(job))

    assert kept | odd == kept


@pytest.mark.parametrize(("retry", "runs"), [(0, 1), (1, 2), (3, 4), (True, 26)])
def test_a_job_runs_once_more_than_it_is_retried(retry: Any, runs: int) -> None:
    job = Job(job_class="A", retry=retry)
    count = 1
    while isinstance(settlement := fail(job), Retry):
        job = Job.decode(settlement.payload)
        count += 1

    assert isinstance(settlement, Kill)
    assert count == runs


def test_without_retries_a_failed_job_is_gone() -> None:
    assert fail(Job(job_class="A", retry=False)) == Ack()


def test_a_job_that_opts_out_of_the_dead_set_is_gone_when_exhausted() -> None:
    assert fail(Job(job_class="A", retry=0, rest={"dead": False})) == Ack()


def test_a_job_that_does_not_say_is_retried_as_its_worker_says() -> None:
    job = Job(job_class="A", retry=None)

    assert isinstance(fail(job, retry=0), Kill)
    assert isinstance(fail(job, retry=True), Retry)


@pytest.mark.parametrize(
    ("since", "kind"), [(59.0, Retry), (60.0, Retry), (60.5, Kill)]
)
def test_a_time_to_retry_takes_the_place_of_the_number(since: float, kind: Any) -> None:
    rest = {"retry_for": 60, "retry_count": 99, "failed_at": to_ms(NOW - since)}

    assert type(fail(Job(job_class="A", retry=1, rest=rest))) is kind


def test_a_first_failure_is_retried_for_a_while_whatever_the_number() -> None:
    assert type(fail(Job(job_class="A", retry=0, rest={"retry_for": 60}))) is Retry
    assert fail(Job(job_class="A", retry=False, rest={"retry_for": 60})) == Ack()


def test_without_the_time_of_the_first_failure_the_number_decides() -> None:
    rest = {"retry_for": 60, "retry_count": 99, "failed_at": "yesterday"}

    assert isinstance(fail(Job(job_class="A", retry=1, rest=rest)), Kill)


def test_the_wish_of_a_worker_goes_before_the_formula() -> None:
    job, outcome = Job(job_class="A"), Failed(ValueError(), 0.1)

    soon = settle(job, outcome, given_(retry_factor=0.5), 90.0)
    killed = settle(job, outcome, given_(), KILL)

    assert isinstance(soon, Retry)
    assert soon.at == NOW + 45
    assert isinstance(killed, Kill)
    assert settle(job.set(dead=False), outcome, given_(), KILL) == Ack()
    assert settle(job, outcome, given_(), DISCARD) == Ack()


def test_the_dead_carry_their_last_error() -> None:
    dead = fail(Job(job_class="A", retry=0), KeyError("last"))

    assert (fields(dead)["error_class"], dead.at) == ("KeyError", NOW)


def test_retries_may_wait_in_another_queue() -> None:
    job = Job(job_class="A", rest={"retry_queue": "slow"})

    assert fields(fail(job))["queue"] == "slow"


@given(count=st.integers(0, 40), seed=st.integers())
def test_the_delay_is_sidekiqs_formula(count: int, seed: int) -> None:
    delay = retry_delay(count, random.Random(seed).random)

    assert 0 <= delay - (count**4 + 15) < 10 * (count + 1)
    assert delay == int(delay)


def test_a_traceback_is_packed_as_sidekiq_unpacks_it() -> None:
    def explode() -> None:
        raise ValueError

    try:
        explode()
    except ValueError as error:
        packed = fields(fail(Job(job_class="A", rest={"backtrace": 1}), error))

    lines = json.loads(zlib.decompress(base64.b64decode(packed["error_backtrace"])))
    assert len(lines) == 1
    assert lines[0].endswith("in explode")


class Awkward(Exception):  # noqa: N818 - its manners are the point.
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("x" * 20_000), "x" * 10_000),
        (ValueError("\ud800"), "?"),
        (Awkward(), "(its text could not be had: RuntimeError)"),
    ],
)
def test_an_errors_text_can_always_be_stored(error: Exception, text: str) -> None:
    assert describe(error) == text


class Final(Exception):  # noqa: N818 - as above.
    def __str__(self) -> str:
        raise SystemExit


def test_not_even_an_error_that_wants_to_exit_gets_its_way() -> None:
    assert describe(Final()) == "(its text could not be had: SystemExit)"


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "retry",
                "retry_count",
                "failed_at",
                "dead",
                "backtrace",
                "retry_queue",
                "retry_for",
                "expires_in",
                "expires_at",
                "tags",
            ]
        ),
        st.integers()
        | st.text()
        | st.none()
        | st.booleans()
        | st.lists(st.integers(), max_size=2),
    ),
    st.none() | st.sampled_from(Wish) | st.floats(0.001, 1e6),
)
def test_whatever_its_fields_hold_a_failed_job_goes_somewhere(
    fields: dict[str, Any], wish: Any
) -> None:
    job = Job.decode(encode({"class": "A", "args": [], "jid": "1", **fields}))

    place = settle(job, Failed(ValueError(), 0.1), given_(), wish)

    if place == Ack():
        unwanted = job.retry is False or job.rest.get("dead") is False
        assert unwanted or wish is DISCARD
    else:
        assert isinstance(place, Retry | Kill)
        again = Job.decode(place.payload)
        assert (again.job_class, again.jid) == ("A", "1")
        assert place.at > NOW if isinstance(place, Retry) else place.at == NOW


@given(st.floats(0.001, 1e6), st.sampled_from([{}, {"retry_count": 3, "bid": "b"}]))
def test_a_snoozed_job_keeps_all_but_when_it_was_enqueued(
    seconds: float, rest: dict[str, Any]
) -> None:
    job = Job(job_class="A", args=[1], jid="1", rest={**rest, "enqueued_at": 5})

    later = settle(job, Snoozed(seconds, took=0.1), given_())

    assert isinstance(later, Later)
    assert later.at == NOW + seconds
    assert Job.decode(later.payload) == attrs.evolve(job, rest=rest)


def test_an_errors_class_is_named_with_its_module() -> None:
    assert name_class(Awkward()) == f"{__name__}.Awkward"
    assert name_class(KeyError()) == "KeyError"
