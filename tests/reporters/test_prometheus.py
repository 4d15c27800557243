"""Jobs are counted and timed for Prometheus, under a bounded number of names."""

import sys

import pytest
import trio
from prometheus_client import CollectorRegistry, generate_latest
from trio.testing import MockClock

import kiq_trio.prometheus
from kiq_trio import ConfigError, Job, Snooze, UnknownWorkerError, worker
from kiq_trio._reporters.measuring import QUEUES_LIMIT
from kiq_trio.events import (
    Aborted,
    Ended,
    Failed,
    Interrupted,
    Snoozed,
    Started,
    Succeeded,
)
from kiq_trio.prometheus import PrometheusReporter
from tests.journey.conftest import KiqMaker
from tests.reporters.conftest import import_anew

MAIL = Job(job_class="Mail", queue="mail", jid="1")
OTHER = Job(job_class="Other", jid="2")


@worker()
async def quick() -> None:
    await trio.sleep(2)


@worker()
async def tired() -> None:
    raise Snooze(3600)


class Told:
    """A reporter with a registry of its own, and what that says."""

    def __init__(self, **options: object) -> None:
        self.registry = CollectorRegistry()
        self.reporter = PrometheusReporter(self.registry, **options)  # type: ignore[arg-type]  # as a test likes.

    def value(self, name: str, **labels: str) -> float | None:
        if "job_class" in labels:
            labels["class"] = labels.pop("job_class")
        return self.registry.get_sample_value(name, labels)

    def classes(self) -> set[str]:
        [jobs] = [m for m in self.registry.collect() if m.name == "kiq_jobs"]
        return {sample.labels["class"] for sample in jobs.samples}


async def test_jobs_are_counted_by_class_queue_and_outcome() -> None:
    told = Told()

    await told.reporter.handle_events(
        [
            Ended(MAIL, Succeeded(1.0)),
            Ended(MAIL, Succeeded(2.0)),
            Ended(MAIL, Failed(ValueError(), 3.0)),
            Ended(OTHER, Snoozed(60, 1.0)),
            Ended(OTHER, Aborted("expired")),
            Ended(OTHER, Interrupted(2.0)),
        ]
    )

    def count(job_class: str, queue: str, outcome: str) -> float | None:
        return told.value(
            "kiq_jobs_total", job_class=job_class, queue=queue, outcome=outcome
        )

    assert count("Mail", "mail", "success") == 2
    assert count("Mail", "mail", "failure") == 1
    assert count("Other", "default", "snoozed") == 1
    assert count("Other", "default", "aborted") == 1
    assert count("Other", "default", "interrupted") == 1


async def test_runs_are_timed_and_what_did_not_run_is_not() -> None:
    told = Told(buckets=(1, 5))

    await told.reporter.handle_events(
        [
            Ended(MAIL, Succeeded(0.5)),
            Ended(MAIL, Failed(ValueError(), 3.0)),
            Ended(MAIL, Aborted("expired")),
        ]
    )

    name, labels = "kiq_job_duration_seconds", {"job_class": "Mail", "queue": "mail"}
    assert told.value(f"{name}_count", **labels) == 2
    assert told.value(f"{name}_sum", **labels) == 3.5
    assert told.value(f"{name}_bucket", le="1.0", **labels) == 1


async def test_what_runs_is_what_has_started_and_not_ended() -> None:
    told = Told()

    await told.reporter.handle_events([Started(MAIL), Started(OTHER)])
    assert told.value("kiq_jobs_running", queue="mail") == 1

    await told.reporter.handle_events([Ended(MAIL, Succeeded(1.0))])
    assert told.value("kiq_jobs_running", queue="mail") == 0
    assert told.value("kiq_jobs_running", queue="default") == 1


async def test_a_job_that_never_started_is_not_taken_from_what_runs() -> None:
    told = Told()

    await told.reporter.handle_events([Started(MAIL), Started(MAIL)])
    await told.reporter.handle_events([Ended(MAIL, Aborted("expired"))] * 2)

    assert told.value("kiq_jobs_running", queue="mail") == 0


async def test_after_a_loss_what_runs_begins_anew() -> None:
    told = Told()

    await told.reporter.handle_events([Started(MAIL)])
    await told.reporter.handle_lost(3)
    await told.reporter.handle_events([Started(OTHER), Ended(MAIL, Succeeded(1.0))])

    assert told.value("kiq_events_lost_total") == 3
    assert told.value("kiq_jobs_running", queue="mail") == 0
    assert told.value("kiq_jobs_running", queue="default") == 1


async def test_nothing_runs_for_a_reporter_that_has_left() -> None:
    told = Told()

    async with told.reporter.lifespan():
        await told.reporter.handle_events([Started(MAIL)])

    assert told.value("kiq_jobs_running", queue="mail") == 0


async def test_names_that_anybody_wrote_into_redis_are_no_labels() -> None:
    told = Told(workers=[quick])
    strangers = [Job(job_class=f"No{n}", jid=str(n)) for n in range(50)]

    await told.reporter.handle_events(
        [
            *(
                Ended(job, Failed(UnknownWorkerError(job.job_class, ()), 0.1))
                for job in strangers
            ),
            *(Ended(job, Aborted("expired")) for job in strangers),
            Ended(Job(job_class="quick"), Aborted("expired")),
        ]
    )

    assert told.classes() == {"unknown", "quick"}


@pytest.mark.parametrize(
    "outcome",
    [Succeeded(1.0), Snoozed(60, 1.0), Failed(ValueError(), 1.0)],
    ids=lambda outcome: type(outcome).__name__,
)
async def test_a_class_is_a_label_once_its_worker_has_run(
    outcome: Succeeded | Snoozed | Failed,
) -> None:
    told = Told()

    await told.reporter.handle_events([Ended(MAIL, Aborted("expired"))])
    assert told.classes() == {"unknown"}

    await told.reporter.handle_events([Ended(MAIL, outcome)])
    assert told.classes() == {"unknown", "Mail"}


async def test_queues_beyond_the_limit_share_a_label() -> None:
    told = Told()
    jobs = [Job(job_class="A", queue=f"q{n}") for n in range(QUEUES_LIMIT + 5)]

    await told.reporter.handle_events([Ended(job, Succeeded(1.0)) for job in jobs])

    labels = {"job_class": "A", "outcome": "success"}
    assert told.value("kiq_jobs_total", queue="q0", **labels) == 1
    assert told.value("kiq_jobs_total", queue="other", **labels) == 5


async def test_a_kiq_fills_the_registry(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    told = Told(prefix="app")
    options = {"workers": [quick, tired], "extra_reporters": [told.reporter]}

    async with make_kiq(**options) as kiq:
        await kiq.enqueue(quick.new())
        await kiq.enqueue(tired.new())
        await kiq.wait_idle()

    page = generate_latest(told.registry).decode()
    assert (
        'app_jobs_total{class="quick",outcome="success",queue="default"} 1.0\n' in page
    )
    assert (
        'app_jobs_total{class="tired",outcome="snoozed",queue="default"} 1.0\n' in page
    )
    assert 'app_job_duration_seconds_sum{class="quick",queue="default"} 2.0\n' in page
    assert 'app_jobs_running{queue="default"} 0.0\n' in page
    assert "app_events_lost_total 0.0\n" in page


@pytest.mark.parametrize("prefix", ["", "1a", "a-b", "a\n", None])
def test_a_prefix_that_is_no_name_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="prefix must be"):
        PrometheusReporter(CollectorRegistry(), prefix)


def test_what_is_no_worker_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"workers\[0\] must be"):
        PrometheusReporter(CollectorRegistry(), workers=["quick"])


def test_two_of_one_prefix_do_not_fit_into_a_registry() -> None:
    told = Told()

    with pytest.raises(ValueError, match="kiq_jobs"):
        PrometheusReporter(told.registry)
    PrometheusReporter(told.registry, "other")


def test_without_its_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(ImportError, match=r"pip install 'kiq-trio\[prometheus\]'$"):
        import_anew(kiq_trio.prometheus.__file__)
