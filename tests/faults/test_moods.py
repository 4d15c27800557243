"""A server in a bad mood, for a while: nothing is lost, and nothing runs twice."""

import sys
import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]


@attrs.frozen
class Mood:
    """Something that can be the matter with a server.

    Attributes:
        begin: lets it begin; for some that is all, and soon over.
        end: lets it end.
    """

    begin: Callable[[Client], Any]
    end: Callable[[Client], Any] = lambda _: None


def kill_lines(client: Client) -> None:
    client.client_kill_filter(_type="normal", skipme=True)


def refuse_lines(client: Client) -> None:
    client.config_set("maxclients", 1)
    kill_lines(client)


MOODS = {
    "all lines are killed": Mood(kill_lines),
    "writes are paused": Mood(lambda client: client.client_pause(300, all=False)),
    "everything is paused": Mood(lambda client: client.client_pause(300)),
    "too many clients": Mood(
        refuse_lines, lambda client: client.config_set("maxclients", 10_000)
    ),
    "a replica for a moment": Mood(
        lambda client: client.replicaof("127.0.0.1", "1"),
        lambda client: client.replicaof("NO", "ONE"),
    ),
    "too few replicas": Mood(
        lambda client: client.config_set("min-replicas-to-write", 1),
        lambda client: client.config_set("min-replicas-to-write", 0),
    ),
    "no memory left": Mood(
        lambda client: client.config_set("maxmemory", 1),
        lambda client: client.config_set("maxmemory", 0),
    ),
    "no scripts": Mood(lambda client: client.script_flush()),
}


@pytest.mark.parametrize("mood", MOODS.values(), ids=MOODS)
def test_a_bad_mood_of_the_server_costs_no_job_and_repeats_none(
    durable: DurableServer, client: Client, herd: Herd, mood: Mood, *, is_long: bool
) -> None:
    workers = [herd.work(queues={"default": 10}) for _ in range(2)]
    enqueuer = herd.enqueue(
        pause=0.01, kinds=["nap", "thread", "flaky"], seconds=0.02, later=0.1
    )
    wait_until(lambda: len(herd.history.runs) > 20)

    for _ in range(40 if is_long else 4):
        mood.begin(client)
        time.sleep(0.2)
        mood.end(client)
        time.sleep(0.2)
    before = len(herd.history.runs)
    resumed = wait_until(lambda: len(herd.history.runs) > before + 20)
    enqueuer.terminate()
    wait_drained(client)
    herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, herd.acknowledged)
    sys.stdout.write(f"{verdict}\n20 jobs were run {resumed:.2f} s after it\n")
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    assert verdict.history.extra == 0
    assert herd.registrations == 2
    assert resumed <= 3
    assert not any(process.errors for process in [*workers, enqueuer])
