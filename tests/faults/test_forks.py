"""A job may fork; what it forks is never taken for us, nor ever is us."""

import json
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.faults.audit import Client, World
from tests.faults.durable import DurableServer
from tests.faults.herd import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

COMES_BACK = [
    "asks",
    "enqueues",
    "exits",
    "forks_in_a_task",
    "returns",
    "returns_in_a_thread",
    "sleeps",
]
GOES = {"does_as_it_should": 7, "uses_multiprocessing": 5}
NAPS = 20


def test_a_child_of_a_job_never_does_what_its_parent_does(
    durable: DurableServer, client: Client
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.forking", durable.unix_url, str(NAPS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        said, log = program.communicate(timeout=60)
    *runs, ended = said.splitlines()
    world = World.read(client)

    assert program.returncode == 0, log
    assert json.loads(ended) == {**dict.fromkeys(COMES_BACK, os.EX_SOFTWARE), **GOES}
    told = re.findall(r"\d+ ERROR job \w+ \((\w+)\) has forked process", log)
    assert sorted(told) == COMES_BACK, log
    # None of the jobs has run in a child or twice, and no reply went astray.
    forks = len(COMES_BACK) + len(GOES)
    assert Counter(runs) == {str(program.pid): forks * NAPS}
    assert "is lost" not in log
    assert log.count("registered as") == 1
    assert not world.places
    assert "asked" not in world.unknown
