"""The whole of kiq_trio in one Trio run: several processes, and all that can go wrong.

A seed decides everything, and replays exactly: who is killed, stopped, cut off; what
is lost on the way, comes late or twice; in which order tasks run. What must hold is
judged at every command that reaches Redis, and in the end: nothing is lost; a job runs
again only if its run did not succeed or its process is gone; nobody is buried who
lives and can be heard; a lock goes only with its owner; exclusive runs of a job, and
unique jobs that are equal, never run at once; a tick comes once; all ends; no key is
left behind.

`KIQ_SIMULATION_SEEDS` says how many seeds are played, `KIQ_SIMULATION_FIRST` which is
the first. `python -m tests.simulation 42 --trace` replays one.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.world import simulate

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("KIQ_SIMULATION_SEEDS", "500"))
FIRST = int(os.environ.get("KIQ_SIMULATION_FIRST", "0"))
CAUGHT_WITHIN = 60
"""So many seeds at most it takes to find a mistake."""


def begin(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.simulation", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def test_nothing_goes_wrong_in_a_few_worlds() -> None:
    reports = [simulate(seed) for seed in range(3)]

    assert [report.violation for report in reports] == [None] * 3
    assert all(report.jobs > 10 and report.faults > 2 for report in reports)


def test_a_seed_is_played_alike_again() -> None:
    assert simulate(7).trace == simulate(7).trace


@pytest.mark.slow
def test_a_seed_is_played_alike_in_another_process() -> None:
    one, other = begin(1, 3, "--digest"), begin(1, 3, "--digest")

    said = [each.communicate()[0].splitlines()[:2] for each in (one, other)]

    assert said[0] == said[1]
    assert said[0][0] != said[0][1]


@pytest.mark.slow
@pytest.mark.faults
def test_nothing_goes_wrong_in_many_worlds() -> None:
    half = FIRST + SEEDS // 2
    both = [begin(FIRST, half), begin(half, FIRST + SEEDS)]

    said = [each.communicate()[0] for each in both]
    sys.stdout.write("".join(said))

    assert [each.returncode for each in both] == [0, 0], "\n".join(said)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mistake_is_found(mutant: str) -> None:
    played = begin(0, CAUGHT_WITHIN, "--mutant", mutant)

    said, _ = played.communicate()

    assert played.returncode == 1, said
