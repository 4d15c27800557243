"""Where a job goes after its run is decided as Sidekiq decides it."""

import base64
import json
import random
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
                "tags",
            ]
        ),
        st.integers()
        | st.text()
        | st.none()
        | st.booleans()
        | st.lists(st.integers(), max_size=2),
    )
)
def test_whatever_its_fields_hold_a_failed_job_goes_somewhere(
    fields: dict[str, Any],
) -> None:
    payload = encode({"class": "A", "args": [], "jid": "1", **fields})

    assert isinstance(fail(Job.decode(payload)), Ack | Retry | Kill)


def test_an_errors_class_is_named_with_its_module() -> None:
    assert name_class(Awkward()) == f"{__name__}.Awkward"
    assert name_class(KeyError()) == "KeyError"
