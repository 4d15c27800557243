"""Every page of Sidekiq's Web UI shows us and our jobs, and shows them right."""

import time
from collections.abc import Iterator

import pytest

from tests.interop.browser import Browser
from tests.interop.conftest import enqueuer, opened
from tests.interop.scene import HOUR, Scene

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

LISTS = ("/retries", "/scheduled", "/morgue")
PAGES = ("/", "/busy", "/queues", "/queues/default", "/queues/python", *LISTS)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One scene for all, since nobody here changes it."""
    with opened(tmp_path_factory.mktemp("shown")) as cluster, enqueuer(cluster) as one:
        yield Scene.build(cluster, one)


@pytest.fixture(scope="module")
def viewer(shown: Scene) -> Browser:
    return shown.cluster.browser()


def all_pages(viewer: Browser) -> list[str]:
    """Return every page there is, with those of single jobs."""
    details = [link for page in LISTS for link in viewer.get(page).links(f"{page}/")]
    assert len(details) == 3
    return [*PAGES, *details, "/stats", "/stats/queues", "/dashboard/stats"]


def test_every_page_answers(shown: Scene, viewer: Browser) -> None:
    answers = {path: viewer.get(path).status for path in all_pages(viewer)}

    assert set(answers.values()) == {200}, answers


def test_every_page_counts_right(shown: Scene, viewer: Browser) -> None:
    places = {"enqueued": 1, "retries": 1, "scheduled": 1, "dead": 1}

    for path in PAGES:
        counts = viewer.get(path).summary
        del counts["busy"]
        assert counts == {"processed": 2, "failed": 2, **places}, path
    stats = viewer.json("/stats")["sidekiq"]
    assert {**stats, "default_latency": 0, "busy": 1} == {
        "processed": 2,
        "failed": 2,
        "busy": 1,
        "processes": 1,
        **places,
        "default_latency": 0,
    }
    assert viewer.json("/stats/queues") == {"default": 1, "python": 0}


def test_the_process_page_shows_who_we_are(shown: Scene, viewer: Browser) -> None:
    page = viewer.get("/busy")

    host, pid, _ = shown.identity.split(":")
    assert page.stats["Processes"] == "1"
    assert page.stats["Threads"] == "10"
    [row] = [row for row in page.rows if row[0].startswith(f"{host}:{pid} ")]
    assert row[0] == f"{host}:{pid} kiq_trio reliable Queues: python"
    assert 10_000 < int(row[2].removesuffix(" KB").replace(",", "")) < 500_000
    assert row[3:] == ["10", "1", "Quiet Stop"]


def test_the_process_page_shows_what_we_run(shown: Scene, viewer: Browser) -> None:
    page = viewer.get("/busy")

    assert page.summary["busy"] == 1
    assert page.stats["Busy"] == "1"
    [row] = [row for row in page.rows if shown.running.jid in row]
    assert row[3:6] == ["python", "Nap long nap", "60"]


def test_every_time_is_of_these_days(shown: Scene, viewer: Browser) -> None:
    now, count = time.time(), 0

    for path in all_pages(viewer):
        for at in viewer.get(path).times:
            count += 1
            assert now - HOUR < at < now + 2 * HOUR, path
    assert count > 10
    assert 0 <= viewer.json("/stats")["sidekiq"]["default_latency"] < HOUR


def test_a_failure_is_told_in_full(shown: Scene, viewer: Browser) -> None:
    [link] = viewer.get("/retries").links("/retries/")
    words = viewer.get(link).words

    assert shown.failed.jid in words
    assert "ValueError" in words
    assert "not in python: é <b>" in words
    assert "workers.py" in words
    assert "in handover" in words


def test_lists_show_the_jobs(shown: Scene, viewer: Browser) -> None:
    error = "ValueError: not in python: é <b>"
    retry = viewer.get("/retries").rows[-1]
    scheduled = viewer.get("/scheduled").rows[-1]
    dead = viewer.get("/morgue").rows[-1]
    waiting = viewer.get("/queues/default").rows[-1]

    assert retry[2:] == ["0", "python", "Handover", '"python"', error]
    assert scheduled[2:] == ["python", "Succeed", '"later"']
    assert dead[2:] == ["python", "Doomed", "", "ValueError: doomed"]
    assert waiting[1:3] == ["Succeed", '"é"']
