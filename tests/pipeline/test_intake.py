"""A job is checked, named and stamped before it leaves its caller's task."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kiq_trio._pipeline.intake import prepare
from kiq_trio.errors import ConfigError, EncodeError
from kiq_trio.job import Job

NOW = 1_795_318_226.776


def test_a_job_for_now_is_stamped_with_both_times() -> None:
    job, entry = prepare(Job(job_class="A"), now=NOW, jid="1")

    assert (job.jid, entry.queue, job.enqueued_at) == ("1", "default", NOW)
    assert json.loads(entry.payload)["created_at"] == 1_795_318_226_776


def test_a_job_for_later_goes_to_the_schedule_and_is_not_enqueued_yet() -> None:
    job, entry = prepare(Job(job_class="A"), now=NOW, jid="1", in_=60)

    assert (entry.queue, entry.score, job.at) == (None, NOW + 60, NOW + 60)
    assert not {"at", "enqueued_at"} & set(json.loads(entry.payload))


def test_a_time_that_is_past_means_now() -> None:
    _, entry = prepare(Job(job_class="A"), now=NOW, jid="1", at=NOW - 5)

    assert entry.queue == "default"


def test_times_may_be_given_as_people_write_them() -> None:
    tomorrow = datetime.fromtimestamp(NOW, UTC) + timedelta(days=1)

    _, by_date = prepare(Job(job_class="A"), now=NOW, jid="1", at=tomorrow)
    _, by_span = prepare(Job(job_class="A"), now=NOW, jid="1", in_=timedelta(days=1))

    assert by_date.score == pytest.approx(by_span.score) == NOW + 86_400


def test_a_mapping_is_a_job_too() -> None:
    job, entry = prepare({"class": "Hard", "args": [1]}, now=NOW, jid="1")

    assert (job.job_class, job.args, job.retry, entry.jid) == ("Hard", [1], True, "1")


def test_what_the_caller_says_goes_before_what_the_job_says() -> None:
    again = Job(job_class="A", at=NOW + 60)

    _, entry = prepare(again, now=NOW, jid="1", in_=5)

    assert entry.score == NOW + 5


def test_a_mapping_may_say_when() -> None:
    later = datetime.fromtimestamp(NOW + 60, UTC)

    _, entry = prepare({"class": "A", "at": later}, now=NOW, jid="1")

    assert entry.queue is None
    assert entry.score == pytest.approx(NOW + 60)


def test_a_name_of_ones_own_and_the_time_of_creation_are_kept() -> None:
    given = Job(job_class="A", jid="mine", rest={"created_at": NOW - 5})

    job, _ = prepare(given, now=NOW, jid="other")

    assert (job.jid, job.rest["created_at"]) == ("mine", NOW - 5)


@pytest.mark.parametrize(
    ("job", "times", "message"),
    [
        ({"class": "A"}, {"in_": 0}, "in_ must be more than 0 s"),
        ({"class": "A"}, {"in_": float("nan")}, "in_ must be more than 0 s"),
        ({"class": "A"}, {"at": float("inf")}, "at must be within the next ten"),
        ({"class": "A"}, {"at": datetime(2026, 1, 1)}, "at must have a time zone"),  # noqa: DTZ001 - that is the point.
        ({"class": "A"}, {"in_": 1, "at": 1}, "give in_ or at, not both"),
        ({"class": "A", "queue": "a b"}, {}, "queue must be 1 to 128"),
        ({"args": []}, {}, "class is None"),
        ("A", {}, "a job is made by worker.new"),
        ({"class": "A", "at": "tomorrow"}, {}, "at must be epoch seconds or an aware"),
        ({"class": "A", "queue": 5}, {}, "queue must be a name, got 5"),
        ({"class": "A", "retry": "lots"}, {}, "retry must be True, False or a whole"),
        ({"class": "A"}, {"at": "x"}, "at must be epoch seconds or an aware datetime"),
        ({"class": "A"}, {"in_": "x"}, "in_ must be seconds or a timedelta, got 'x'"),
    ],
)
def test_what_cannot_be_enqueued_is_refused(
    job: Any, times: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        prepare(job, now=NOW, jid="1", **times)


def test_an_argument_that_is_not_json_is_refused_before_anything_is_stored() -> None:
    with pytest.raises(EncodeError, match=r"A: args\[0\]"):
        prepare({"class": "A", "args": [object()]}, now=NOW, jid="1")


def test_arguments_of_a_job_made_by_hand_become_json_too() -> None:
    born = datetime(2026, 11, 25, tzinfo=UTC)

    job, entry = prepare({"class": "A", "args": [{"at": born}]}, now=NOW, jid="1")

    assert job.args == [{"at": "2026-11-25T00:00:00+00:00"}]
    assert Job.decode(entry.payload).args == job.args


@pytest.mark.parametrize(
    ("times", "due"), [({}, NOW), ({"in_": 60}, NOW + 60), ({"at": NOW - 5}, NOW)]
)
def test_a_job_expires_so_long_after_it_may_start(
    times: dict[str, Any], due: float
) -> None:
    given = {"class": "A", "args": [], "expires_in": timedelta(seconds=90)}

    job, entry = prepare(given, now=NOW, jid="1", **times)

    assert job.expires_at == pytest.approx(due + 90, abs=0.001)
    assert json.loads(entry.payload)["expires_in"] == 90


def test_enqueued_again_a_job_expires_later() -> None:
    job, _ = prepare({"class": "A", "expires_in": 90}, now=NOW, jid="1")

    again, _ = prepare(job, now=NOW + 60, jid="2")

    assert again.expires_at == pytest.approx(NOW + 150, abs=0.001)


@pytest.mark.parametrize("span", [0, "90", True, 1e300])
def test_a_time_to_expire_that_cannot_be_is_refused(span: Any) -> None:
    with pytest.raises(ConfigError, match="expires_in must be"):
        prepare({"class": "A", "expires_in": span}, now=NOW, jid="1")
