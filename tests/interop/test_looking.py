"""Our command line shows what is Sidekiq's, and changes it."""

import json
from typing import Any

import attrs
import pytest
from typer.testing import CliRunner

from kiq_trio.cli.app import app
from tests.faults.waiting import wait_until
from tests.interop.cluster import Cluster
from tests.interop.console import Console
from tests.interop.program import Program

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

JOBS = """{
  running: Nap.set(tags: ["long"]).perform_async(60),
  failed: Sidekiq::Client.push("class" => "Nowhere", "queue" => "ruby", "args" => []),
  dead: Doomed.set(retry: 0).perform_async,
  scheduled: Succeed.perform_in(3600, "later"),
  waiting: Succeed.set(queue: "default").perform_async("é")
}"""


@attrs.frozen
class Theirs:
    """A Sidekiq with a job of Ruby's in every place."""

    cluster: Cluster
    sidekiq: Program
    jids: dict[str, str]

    def ask(self, *words: str) -> Any:
        """Return what our command line answers."""
        done = CliRunner().invoke(
            app, [*words, "--json", "--redis-url", self.cluster.server.url]
        )
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def listed(self, *words: str) -> list[str]:
        """Return the jids of the jobs that it lists."""
        return [each["job"]["jid"] for each in self.ask(*words)["items"]]


@pytest.fixture
def theirs(cluster: Cluster, console: Console) -> Theirs:
    jids = console(JOBS)
    sidekiq = cluster.sidekiq()
    identity = cluster.identity(sidekiq)
    wait_until(
        lambda: cluster.client.zcard("retry") + cluster.client.zcard("dead") == 2
    )
    wait_until(lambda: cluster.client.hget(identity, "busy") == "1")
    # A beat tells its counts before the jobs that ran meanwhile, so they may come late.
    wait_until(lambda: cluster.client.get("stat:failed") == "2")
    return Theirs(cluster, sidekiq, jids)


def test_everything_of_theirs_is_listed(theirs: Theirs) -> None:
    stats = theirs.ask("stats")
    [process] = theirs.ask("processes", "list")["items"]

    for name in ("scheduled", "retry", "dead", "enqueued", "busy", "processes"):
        assert stats[name] == 1, name
    assert stats["processed"] == stats["failed"] == 2
    assert process["identity"] == theirs.cluster.identity(theirs.sidekiq)
    assert process["queues"] == ["ruby"]
    assert (process["concurrency"], process["busy"]) == (5, 1)
    assert not process["quiet"]
    assert not process["registered"]
    assert theirs.listed("retry", "list") == [theirs.jids["failed"]]
    assert theirs.listed("dead", "list") == [theirs.jids["dead"]]
    assert theirs.listed("jobs", "list", "schedule") == [theirs.jids["scheduled"]]
    assert theirs.listed("jobs", "list", "queue") == [theirs.jids["waiting"]]
    theirs.sidekiq.kill()


def test_what_they_run_is_listed(theirs: Theirs) -> None:
    assert theirs.listed("jobs", "list", "running") == [theirs.jids["running"]]
    theirs.sidekiq.kill()


def test_their_jobs_are_run_killed_and_deleted(theirs: Theirs) -> None:
    theirs.ask("dead", "run", theirs.jids["dead"])
    theirs.ask("jobs", "run", theirs.jids["scheduled"])
    theirs.ask("retry", "kill", "--yes", theirs.jids["failed"])
    theirs.ask("jobs", "delete", "--yes", theirs.jids["waiting"])

    wait_until(lambda: len(theirs.cluster.history.runs[theirs.jids["dead"]]) == 2)
    wait_until(lambda: theirs.cluster.history.ended[theirs.jids["scheduled"]])
    wait_until(lambda: len(theirs.listed("dead", "list")) == 2)
    dead = set(theirs.listed("dead", "list"))
    assert dead == {theirs.jids["failed"], theirs.jids["dead"]}
    assert theirs.cluster.client.exists("queue:default", "schedule", "retry") == 0
    theirs.sidekiq.kill()


def test_they_are_quieted_and_stopped(theirs: Theirs) -> None:
    identity = theirs.cluster.identity(theirs.sidekiq)

    theirs.ask("processes", "quiet", identity)
    wait_until(lambda: theirs.ask("processes", "list")["items"][0]["quiet"])
    theirs.ask("processes", "stop", "--yes", identity)

    assert theirs.sidekiq.wait(20) == 0
    assert theirs.ask("processes", "list")["items"] == []
    # What it ran is back in its queue.
    assert set(theirs.listed("jobs", "list", "queue")) == {
        theirs.jids["running"],
        theirs.jids["waiting"],
    }
