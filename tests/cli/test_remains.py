"""What jobs leave behind in a process does not keep it from ending."""

import os
import re
import signal
import time
from collections.abc import Iterator

import pytest

from kiq_trio.cli.remains import PATIENCE
from tests.cli.program import LONG, Talk, started
from tests.servers import RealServer

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.faults]


@pytest.fixture
def talk(real_server: RealServer) -> Iterator[Talk]:
    with real_server.client() as client:
        client.flushall()
        yield Talk(client)
        client.flushall()


def stop_after(
    server: RealServer, talk: Talk, *jobs: str
) -> tuple[list[str], float, str]:
    """Return what *jobs* said, how long the stop after them took, and the log."""
    with started("run", "chores", url=server.unix_url) as program:
        heard = []
        for job in jobs:
            talk.enqueue(job, f"what {job} left")
            heard.append(talk.hear())
        asked_at = time.monotonic()
        program.send_signal(signal.SIGTERM)
        assert program.wait(LONG) == 0
        took = time.monotonic() - asked_at
        assert program.stdout is not None
        # Not to its end: what is left behind has the other end as well.
        os.set_blocking(program.stdout.fileno(), False)
        return heard, took, program.stdout.read()


def test_what_python_would_wait_for_is_named_and_left(
    real_server: RealServer, talk: Talk
) -> None:
    heard, took, log = stop_after(
        real_server, talk, "leave_thread", "leave_child", "leave_program"
    )
    _, child, program = heard
    # They are there still, and nobody's but the system's.
    for pid in (child, program):
        os.kill(int(pid), signal.SIGKILL)

    [named] = re.findall("processes that were started here run on: (.+)", log)
    assert re.findall(r"(\d+) \(", named) == sorted(heard[1:], key=int)
    assert "we end without them: what leave_thread left, what leave_child left" in log
    assert took >= PATIENCE
    assert not talk.client.keys("kiq:backup*")


def test_threads_that_end_when_they_are_told_to_are_waited_for(
    real_server: RealServer, talk: Talk
) -> None:
    _, _, log = stop_after(real_server, talk, "leave_pool")

    assert "started here" not in log
    assert "we end without" not in log
