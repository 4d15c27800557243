"""Both sides are killed at random; what is lost was in Ruby's hands."""

import faulthandler
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from kiq_trio import Job
from kiq_trio.clients import SyncClient
from tests.faults.waiting import holders, wait_until
from tests.interop.cluster import Cluster
from tests.interop.conftest import enqueuer, opened
from tests.interop.program import Program
from tests.interop.replay import Command, Replay, read_log

pytestmark = [
    pytest.mark.interop,
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.server,
]

SECONDS = 0.08
"""How long a run lasts."""

LONGEST = 1_200
"""Seconds of a test that is long, on a machine that has other things to do."""

_STDERR = 2


@pytest.fixture
def is_long(*, is_long: bool) -> bool:
    """As everywhere, but no stack is printed as of what hangs while all goes on."""
    if is_long:
        # In the place of pytest's own, which ends this one when the test ends.
        faulthandler.dump_traceback_later(LONGEST, file=_STDERR)
    return is_long


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose Redis writes down all that is written, from the start."""
    options = {"appendonly": "yes", "aof_use_rdb_preamble": "no"}
    with opened(tmp_path, **options) as cluster:
        yield cluster


@attrs.define
class Slot:
    """Where one process after the other is started, and killed."""

    start: Callable[[], Program]
    program: Program
    kills: int = 0

    @classmethod
    def fill(cls, start: Callable[[], Program]) -> "Slot":
        return cls(start, start())

    def kill(self, rng: random.Random) -> None:
        """End it, three times out of four at once, and start another."""
        if rng.random() < 1 / 4:
            self.program.terminate()
            self.program.wait()
        else:
            self.program.kill()
            self.kills += 1
        self.program = self.start()


def flaky(queue: str, **fields: Any) -> Job:
    given = {"class": "Flaky", "args": [SECONDS], "queue": queue, "retry": True}
    return Job.from_map({**given, **fields})


def enqueue(client: SyncClient, count: int) -> list[str]:
    """Enqueue jobs that stay on a side, and such as a failure sends to the other."""
    jobs = [flaky("python") for _ in range(count)]
    jobs += [flaky("python", retry_queue="ruby") for _ in range(count)]
    jobs += [flaky("ruby", retry_queue="python") for _ in range(count)]
    return [job.jid for job in client.enqueue_many(jobs)]


def hasten(cluster: Cluster) -> None:
    """Let all that waits for its retry be due; Ruby would wait for seconds."""
    waiting: Any = cluster.client.zrange("retry", 0, -1)
    if waiting:
        cluster.client.zadd("retry", dict.fromkeys(waiting, time.time()), xx=True)


def is_drained(cluster: Cluster) -> bool:
    """Whether there has been no job for a while: what Ruby runs is nowhere."""
    for _ in range(10):
        hasten(cluster)
        if holders(cluster.client):
            return False
        time.sleep(SECONDS)
    return True


def was_taken_by_ruby(moment: list[Command]) -> bool:
    """Whether a job left as Sidekiq takes it: from one place, and to none.

    We never do: a script of ours writes the new place before it leaves the old.
    """
    return [(name.upper(), key) for name, key, *_ in moment] in (
        [("RPOP", "queue:ruby")],
        [("ZREM", "retry")],
    )


def test_nothing_is_lost_by_us(
    logged: Cluster, rng: random.Random, *, is_long: bool
) -> None:
    rounds, count = (200, 4000) if is_long else (12, 300)
    with enqueuer(logged) as client:
        jids = enqueue(client, count)
    ours = [Slot.fill(lambda: logged.ours(wait=False)) for _ in range(2)]
    theirs = Slot.fill(lambda: logged.sidekiq(wait=False))

    for _ in range(rounds):
        time.sleep(rng.uniform(0.2, 0.9))
        hasten(logged)
        rng.choice([*ours, theirs]).kill(rng)
    wait_until(lambda: is_drained(logged), timeout=60)

    replay = Replay()
    for moment in read_log(logged.server.folder):
        replay.apply(moment)
    assert replay.jids == set()
    history = logged.history
    lost = [jid for jid in jids if not history.ended[jid]]
    kills = sum(slot.kills for slot in ours)
    sys.stdout.write(f"{kills} + {theirs.kills} kills, {len(lost)} lost by Ruby\n")
    by_us = [jid for jid in lost if not was_taken_by_ruby(replay.left[jid])]
    assert by_us == []
    # Five that run, and one that it moves.
    assert len(lost) <= 6 * theirs.kills
