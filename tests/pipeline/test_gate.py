"""A job that is not wanted any more is not run, and only that."""

import pytest

from kiq_trio._fields import to_ms
from kiq_trio._pipeline.gate import Gate
from kiq_trio._pipeline.recalls import SKEW, Recall, Recalls
from kiq_trio.events import Aborted
from kiq_trio.job import Job
from tests.conftest import EPOCH

HOUR = 3_600.0


class Clock:
    time = EPOCH

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def now() -> Clock:
    return Clock()


@pytest.fixture
def gate(now: Clock) -> Gate:
    return Gate(now, Recalls(now, HOUR))


def job(**fields: object) -> Job:
    return Job(job_class="A", jid="abc").set(**fields)


def test_a_job_that_nothing_is_wrong_with_may_run(gate: Gate) -> None:
    assert gate.refuse(job()) is None
    assert gate.refuse(job(kiq_deadline=to_ms(EPOCH + 1))) is None
    assert gate.refuse(job(kiq_deadline="soon")) is None


def test_what_is_too_late_ends_without_a_run(gate: Gate) -> None:
    assert gate.refuse(job(expires_at=to_ms(EPOCH))) == Aborted("expired")
    assert gate.refuse(job(kiq_deadline=to_ms(EPOCH))) == Aborted("deadline")


def test_a_cancelled_job_ends_with_the_reason(gate: Gate) -> None:
    gate.recalls.add("abc", Recall("why not", EPOCH))

    assert gate.refuse(job()) == Aborted("cancelled", 0.0, "why not")
    assert gate.refuse(job(jid="abd")) is None


def test_a_job_created_anew_under_an_old_name_is_another_one(gate: Gate) -> None:
    gate.recalls.add("abc", Recall("", EPOCH))

    late, skewed = EPOCH + SKEW + 1, EPOCH + SKEW - 1

    assert gate.refuse(job(created_at=to_ms(late))) is None
    assert gate.refuse(job(created_at=to_ms(skewed))) == Aborted("cancelled")
    # Its retry is still the same job.
    retry = job(created_at=to_ms(EPOCH - 5), enqueued_at=to_ms(late))
    assert gate.refuse(retry) == Aborted("cancelled")


def test_a_cancelled_job_is_remembered_for_an_hour_after_the_last_order(
    gate: Gate, now: Clock
) -> None:
    for at, jid in ((0, "abc"), (10, "def"), (20, "abc")):
        gate.recalls.add(jid, Recall("", EPOCH + at))

    now.time = EPOCH + HOUR + 15
    assert gate.refuse(job()) == Aborted("cancelled")
    assert list(gate.recalls.by_jid) == ["abc"]

    now.time = EPOCH + HOUR + 20
    assert gate.refuse(job()) is None
    assert gate.recalls.by_jid == {}
