"""Killing workers of other systems: the table, and one whole run with ours."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.peers.drivers.gauge import Held, Load
from bench.peers.kill import page
from bench.peers.kill.__main__ import KILLED

ROOT = Path(__file__).parent.parent
LOAD = Load("redis://127.0.0.1:1/0", 0, 1, 1)


def row(name: str, *seconds: float | None, failure: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "version": "1.0",
        "acknowledges": name != "loser",
        "seconds": list(seconds),
        "failure": failure,
    }


def test_the_table_shows_who_is_soonest_first_and_failures_last() -> None:
    found = {
        "conditions": {"load": "high"},
        "limit": 120.0,
        "peers": [
            row("broken", failure="a | b"),
            row("loser", None, None),
            row("slow", 64.0, None),
            row("soon", 30.04, 12.0),
            row("once", 40.0),
        ],
    }

    lines = page.make(found).splitlines()

    assert lines[2:7] == [
        "| soon | 1.0 | yes | 12.0 s to 30.0 s |",
        "| once | 1.0 | yes | 40.0 s |",
        "| loser | 1.0 | **no** | not within 120 s |",
        "| slow | 1.0 | yes | 64.0 s; 1 of 2 not within 120 s |",
        "| broken | 1.0 | yes | not measured: a / b |",
    ]
    assert lines[-1] == "| load | high |"


def test_the_table_of_kills_is_what_its_json_makes() -> None:
    found = json.loads(page.FOUND.read_text())

    assert page.FOUND.with_name(page.TABLE).read_text() == page.make(found), (
        "run `python -m bench.peers.kill.page`"
    )
    assert [peer["name"] for peer in found["peers"]] == [peer.name for peer in KILLED]


def test_one_of_each_is_killed() -> None:
    names = [peer.name for peer in KILLED]

    assert names[:2] == ["kiq_trio", "streaq"]
    assert len({peer.distribution for peer in KILLED}) == len(names)


def test_a_held_job_says_who_runs_it_and_when(tmp_path: Path) -> None:
    held = Held(LOAD, str(tmp_path / "runs"), 600.0)

    pauses = [held.job(), held.job()]

    assert pauses == [600.0, 600.0]
    lines = (tmp_path / "runs").read_text().splitlines()
    pids, moments = zip(*(line.split() for line in lines), strict=True)
    assert pids == (str(os.getpid()),) * 2
    assert float(moments[0]) <= float(moments[1])


@pytest.mark.slow
@pytest.mark.server
def test_our_job_runs_again_when_its_worker_is_killed(tmp_path: Path) -> None:
    target = tmp_path / "kill.json"
    options = ("--only", "kiq_trio", "--rounds", "1", "--json", str(target))

    done = subprocess.run(
        [sys.executable, "-m", "bench.peers.kill", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )

    assert done.returncode == 0, done.stderr
    [row] = json.loads(target.read_text())["peers"]
    [seconds] = row["seconds"]
    # Before its heartbeat is missed nobody may say that a process is dead.
    assert 5 < seconds < 60
