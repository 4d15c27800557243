"""The buttons of Sidekiq's Web UI move our jobs, and us."""

from typing import Any

import pytest

from tests.faults.waiting import wait_until
from tests.interop.browser import Browser
from tests.interop.cluster import Cluster
from tests.interop.scene import Scene

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]


def test_the_quiet_button_quiets_us_and_the_stop_button_stops_us(
    scene: Scene, browser: Browser
) -> None:
    client, identity = scene.cluster.client, scene.identity

    browser.press("/busy", on="/busy", identity=identity, quiet="1")
    wait_until(lambda: client.hget(identity, "quiet") == "true")
    [row] = [row for row in browser.get("/busy").rows if "kiq_trio" in row[0]]
    assert "quiet" in row[0].split()
    assert row[-1] == "Stop"

    browser.press("/busy", on="/busy", identity=identity, stop="1")
    assert scene.kiq.wait() == 0
    assert browser.get("/busy").stats["Processes"] == "0"
    # What it ran is back in its queue, at the front.
    assert browser.json("/stats/queues") == {"default": 1, "python": 1}


def test_the_buttons_for_all_reach_both_sides(
    cluster: Cluster, browser: Browser
) -> None:
    programs = [cluster.ours(), cluster.sidekiq()]

    browser.press("/busy", on="/busy", stop="1")

    assert [program.wait() for program in programs] == [0, 0]


def test_retry_now_lets_us_run_it_again(scene: Scene, browser: Browser) -> None:
    [link] = browser.get("/retries").links("/retries/")

    browser.press(link, on="/retries", retry="1")
    runs = scene.cluster.history.runs
    wait_until(lambda: len(scene.cluster.history.runs[scene.failed.jid]) == 2)

    assert len(runs[scene.dead.jid]) == 1
    wait_until(lambda: scene.cluster.client.zcard("retry") == 1)
    # A retry by hand does not count.
    [_, row] = browser.get("/retries").rows
    assert row[2] == "0"


def test_the_dead_are_brought_back(scene: Scene, browser: Browser) -> None:
    [link] = browser.get("/morgue").links("/morgue/")

    browser.press(link, on="/morgue", retry="1")

    wait_until(lambda: len(scene.cluster.history.runs[scene.dead.jid]) == 2)
    wait_until(lambda: scene.cluster.client.zcard("dead") == 1)


def test_what_is_scheduled_is_run_at_once(scene: Scene, browser: Browser) -> None:
    [link] = browser.get("/scheduled").links("/scheduled/")

    browser.press(link, on="/scheduled", add_to_queue="1")

    wait_until(lambda: scene.cluster.history.ended[scene.scheduled.jid] == 1)
    assert browser.get("/scheduled").summary["scheduled"] == 0


def test_our_jobs_are_killed_and_deleted(scene: Scene, browser: Browser) -> None:
    key = [browser.get("/retries").links("/retries/")[0].rpartition("/")[2]]
    browser.press("/retries", on="/retries", kill="1", **{"key[]": key})
    assert browser.get("/").summary["retries"] == 0
    keys = [
        link.rpartition("/")[2] for link in browser.get("/morgue").links("/morgue/")
    ]
    assert [key.partition("-")[2] for key in keys] == [scene.failed.jid, scene.dead.jid]

    browser.press("/morgue", on="/morgue", delete="1", **{"key[]": keys})
    [link] = browser.get("/scheduled").links("/scheduled/")
    browser.press(link, on="/scheduled", delete="1")
    payload: Any
    [payload] = scene.cluster.client.lrange("queue:default", 0, -1)
    browser.press("/queues/default/delete", on="/queues/default", key_val=payload)
    browser.press("/queues/python", on="/queues", delete="1")

    left = browser.get("/").summary
    assert [left[each] for each in ("dead", "scheduled", "enqueued")] == [0, 0, 0]
    assert browser.json("/stats/queues") == {"default": 0}
