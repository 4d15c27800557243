"""Runs are counted by class as Sidekiq's own middleware counts them (wire.md §5.2)."""

import pytest

from kiq_trio._pipeline.measures import LIMITS, Measures
from kiq_trio._store.measuring import BUCKETS
from kiq_trio.errors import UnknownWorkerError
from kiq_trio.events import Aborted, Failed, Interrupted, Outcome, Snoozed, Succeeded
from kiq_trio.job import Job


def measured(outcome: Outcome, job: Job | None = None) -> dict[str, tuple[int, ...]]:
    measures = Measures()
    measures.add(job or Job(job_class="A"), outcome)
    return {
        name: (one.runs, one.failures, int(one.seconds * 1000), sum(one.histogram))
        for name, one in measures.take().items()
    }


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        (Succeeded(0.05), (1, 0, 50, 1)),
        (Snoozed(60, 0.05), (1, 0, 50, 1)),
        (Aborted("discarded", 0.05), (1, 0, 50, 1)),
        (Failed(ValueError(), 0.05), (1, 1, 0, 0)),
        (Interrupted(0.05), (1, 1, 0, 0)),
    ],
)
def test_a_run_counts_and_a_failure_has_no_time(
    outcome: Outcome, counted: tuple[int, ...]
) -> None:
    assert measured(outcome) == {"A": counted}


@pytest.mark.parametrize(
    "outcome", [Aborted("expired"), Failed(UnknownWorkerError("A", ()), 0.1)]
)
def test_what_was_never_run_is_not_counted(outcome: Outcome) -> None:
    assert measured(outcome) == {}


def test_a_wrapped_job_counts_under_the_class_that_is_meant() -> None:
    job = Job(job_class="Wrapper", rest={"wrapped": "Mailer"})

    assert list(measured(Succeeded(1.0), job)) == ["Mailer"]


@pytest.mark.parametrize("name", ["A|B", "a/b", "<i>x", "x>"])
def test_a_name_that_sidekiq_cannot_show_or_would_split_is_left_out(name: str) -> None:
    wrapper = Job(job_class="Wrapper", rest={"wrapped": name})

    assert measured(Succeeded(1.0), Job(job_class=name)) == {}
    assert measured(Succeeded(1.0), wrapper) == {}


def test_names_out_of_payloads_cannot_fill_the_memory() -> None:
    measures = Measures()

    for n in range(2_000):
        measures.add(Job(job_class="A", rest={"wrapped": f"c{n}"}), Succeeded(1.0))

    assert len(measures.take()) == 1_000
    assert measures.take() == {}


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.0199, 0), (0.02, 1), (0.05, 3), (1.0, 10), (7.014, 15), (9e5, 25)],
)
def test_a_run_is_in_the_first_bucket_that_it_is_shorter_than(
    seconds: float, bucket: int
) -> None:
    measures = Measures()
    measures.add(Job(job_class="A"), Succeeded(seconds))

    assert measures.by_class["A"].histogram[bucket] == 1
    assert len(LIMITS) == BUCKETS - 1
