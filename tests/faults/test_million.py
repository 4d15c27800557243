"""The million, made small, keeps its bounds; and it would tell if it did not."""

import random
import subprocess
import sys

import pytest

from tests.faults.herd import ROOT
from tests.faults.million import Campaign, show


def run(
    *options: str, worker_kills: int, server_kills: int, jobs: int = 12_000
) -> subprocess.CompletedProcess[str]:
    kills = ["--worker-kills", f"{worker_kills}", "--server-kills", f"{server_kills}"]
    command = [sys.executable, "-m", "tests.faults.million", "--jobs", f"{jobs}"]
    return subprocess.run(
        [*command, *kills, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.server
def test_some_thousand_jobs_keep_the_bounds_of_the_million() -> None:
    done = run(jobs=8000, worker_kills=8, server_kills=2)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "| lost | 0 | 0 |" in done.stdout


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize(
    ("mistake", "worker_kills", "server_kills"),
    [("ack before run", 25, 0), ("fetch anew", 0, 10)],
)
def test_kills_at_random_bring_out_a_mistake_that_loses_jobs(
    mistake: str, worker_kills: int, server_kills: int, *, is_long: bool
) -> None:
    if not is_long:
        pytest.skip("a quarter of a minute each: of the long version")
    done = run(
        "--mistake", mistake, worker_kills=worker_kills, server_kills=server_kills
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "NOT every bound is kept" in done.stdout
    assert "| lost | 0 | 0 |" not in done.stdout


def test_every_kill_has_its_moment_before_the_last_job() -> None:
    deeds = list(Campaign(1000, 30, 3, random.Random(1)).deeds())
    moments = [moment for moment, _ in deeds]

    assert sorted(deed for _, deed in deeds) == ["server"] * 3 + ["worker"] * 30
    assert moments == sorted(moments)
    assert moments[-1] < 1000


def test_a_bound_that_is_missed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert show([("jobs", 10, None), ("lost", 0, 0)])
    assert not show([("lost", 1, 0), ("jobs", 10_000, None)])
    assert "| jobs | 10,000 |  |\n\nNOT every bound is kept" in capsys.readouterr().out
