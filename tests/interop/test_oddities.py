"""Jobs that Sidekiq's own client refuses, but Redis does not, break no page."""

import json
from typing import Any

import pytest

from tests.faults.waiting import wait_until
from tests.interop.browser import Browser
from tests.interop.cluster import Cluster

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

WRAPPER = "ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper"
LISTS = ("/retries", "/scheduled", "/morgue")
PAGES = ("/", "/busy", "/queues", *LISTS)

NO_JOBS = ("junk", "[1]", "5", "null", '"x"', '{"class":5}', '{"args":7,"class":"A"}')
NO_ENVELOPES: tuple[dict[str, Any], ...] = (
    {"class": WRAPPER, "args": [], "wrapped": "M"},
    {"class": WRAPPER, "args": [1], "wrapped": "M"},
    {"class": WRAPPER, "args": [None], "wrapped": "M"},
)
ODDITIES: tuple[dict[str, Any], ...] = (
    {"tags": "x"},
    {"tags": [1, None]},
    {"cattr": "x"},
    {"encrypt": True, "args": []},
    {"created_at": "2026-11-22T03:30:26Z"},
    {"discarded_at": "x"},
    {"error_backtrace": "junk"},
    {"error_backtrace": ["a"]},
    {"retry_count": "4", "failed_at": 1_795_318_226.5},
    {"retry_count": 0, "failed_at": "2013-07-29 03:26:41 UTC"},
    {"retry_count": 1, "failed_at": 1e300, "retried_at": "x"},
    {"jid": 12345},
    {"retry": "5"},
    {"queue": None},
)


def answers(browser: Browser) -> dict[str, int]:
    """Return the status of every page, and of that of each job."""
    links = [link for page in LISTS for link in browser.get(page).links(f"{page}/")]
    return {path: browser.get(path).status for path in [*PAGES, *links]}


def spell(n: int, **fields: Any) -> str:
    usual = {"class": "Handover", "args": ["python"], "queue": "python", "retry": 25}
    return json.dumps({**usual, "jid": f"j{n}", **fields}, separators=(",", ":"))


def push(cluster: Cluster, *payloads: str) -> None:
    cluster.client.lpush("queue:python", *payloads)


def count(cluster: Cluster, key: str) -> int:
    number = cluster.client.zcard(key)
    assert isinstance(number, int)
    return number


def test_pages_show_what_is_given_up(cluster: Cluster, browser: Browser) -> None:
    broken = [spell(n, **fields) for n, fields in enumerate(NO_ENVELOPES)]
    odd = [spell(n, **{**f, "args": 7}) for n, f in enumerate(ODDITIES, start=10)]
    due = [f"{payload} " for payload in (*NO_JOBS, *broken)]
    cluster.client.zadd("schedule", dict.fromkeys(due, 1.0))
    push(cluster, *NO_JOBS, *broken, *odd)

    cluster.ours()

    everything = len(due) + len(NO_JOBS) + len(broken) + len(odd)
    wait_until(lambda: count(cluster, "dead") == everything)
    found = answers(browser)
    assert set(found.values()) == {200}, found


def test_pages_show_what_has_failed(cluster: Cluster, browser: Browser) -> None:
    push(cluster, *(spell(n, **fields) for n, fields in enumerate(ODDITIES)))

    cluster.ours(accept=["encrypt"], schedulers=[])

    wait_until(lambda: count(cluster, "retry") == len(ODDITIES))
    found = answers(browser)
    assert set(found.values()) == {200}, found
    assert len(found) > len(PAGES) + len(ODDITIES) // 2


def test_pages_show_what_is_put_off(cluster: Cluster, browser: Browser) -> None:
    odd = [spell(n, bid="b", **fields) for n, fields in enumerate(ODDITIES)]
    broken = [spell(n, bid="b", **f) for n, f in enumerate(NO_ENVELOPES, start=50)]
    push(cluster, *odd, *broken)

    cluster.ours(schedulers=[])

    wait_until(lambda: count(cluster, "schedule") == len(ODDITIES))
    wait_until(lambda: count(cluster, "dead") == len(NO_ENVELOPES))
    found = answers(browser)
    assert set(found.values()) == {200}, found


def test_pages_show_what_runs(cluster: Cluster, browser: Browser) -> None:
    odd = [{"class": "Nap", "args": [60], "tags": "x"}]
    odd += [{"class": "Nap", "args": [60], "cattr": "x", "created_at": "x"}]
    push(cluster, *(spell(n, **fields) for n, fields in enumerate(odd)))

    kiq = cluster.ours(shutdown_timeout=0.2)

    key = "busy"
    wait_until(lambda: cluster.client.hget(cluster.identity(kiq), key) == "2")
    page = browser.get("/busy")
    assert page.status == 200
    assert {row[2] for row in page.rows} >= {"j0", "j1"}
