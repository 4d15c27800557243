"""The benchmark beside other systems: its arithmetic, its table, and one whole run."""

import json
import os
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from bench.peers.catalogue import PEERS, Peer, choose
from bench.peers.drivers import gauge
from bench.peers.drivers.gauge import Gauge, Load, Reading, parse_cpu
from bench.peers.environments import PeerError, call, prepare
from bench.peers.runner import Bench, Failure, Figures, Row, _read, middle
from bench.peers.table import render, to_json

ROOT = Path(__file__).parent.parent
SLOW = Peer("slow", requirements=(), condition="one thread")
FAST = Peer("fast", requirements=(), condition="many tasks")


def bench(cache: Path) -> Bench:
    return Bench("redis://127.0.0.1:1/0", jobs=10, cache=cache, timeout=5)


def test_figures_are_per_job() -> None:
    found = Figures(FAST, "1.0", jobs=2000, seconds=0.5, client_cpu=0.3, redis_cpu=0.04)

    assert found.rate == pytest.approx(4000)
    assert found.client_us == pytest.approx(150)
    assert found.redis_us == pytest.approx(20)


def test_the_table_shows_the_cheapest_client_first_and_failures_last() -> None:
    rows: list[Row] = [
        Failure(FAST, "drain: a | b"),
        Figures(SLOW, "2.1", jobs=1000, seconds=2, client_cpu=1.5, redis_cpu=0.2),
        Figures(FAST, "1.0", jobs=1000, seconds=0.5, client_cpu=0.3, redis_cpu=0.04),
    ]

    assert render(rows).splitlines()[2:] == [
        "| fast 1.0 | 2,000 | 300 | 40 | many tasks |",
        "| slow 2.1 | 500 | 1,500 | 200 | one thread |",
        "| fast | - | - | - | not measured: drain: a / b |",
    ]


def test_the_round_with_the_median_cpu_time_is_shown() -> None:
    rounds = [
        Figures(FAST, "1.0", jobs=1, seconds=1, client_cpu=cpu, redis_cpu=1)
        for cpu in (9, 2, 5)
    ]

    assert middle(rounds) is rounds[2]
    assert middle([*rounds, Failure(FAST, "gone")]) == Failure(FAST, "gone")


async def test_a_peer_that_failed_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    async def refuse(peer: Peer, _: Path) -> Path:
        tried.append(peer.name)
        raise PeerError("no matching distribution")

    monkeypatch.setattr("bench.peers.runner.prepare", refuse)

    await bench(tmp_path).measure_all([FAST, SLOW], rounds=3)

    assert tried == ["fast", "slow"]


def test_rows_fit_into_json() -> None:
    good = Figures(FAST, "1.0", jobs=1000, seconds=0.5, client_cpu=0.3, redis_cpu=0.04)

    rows = json.loads(json.dumps([to_json(good), to_json(Failure(SLOW, "gone"))]))

    assert rows[0]["rate"] == pytest.approx(2000)
    assert rows[0]["peer"]["name"] == "fast"
    assert rows[1]["reason"] == "gone"


def test_the_clock_runs_from_the_end_of_the_warm_up_to_the_last_job(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    readings = iter([Reading(10, 1, 5), Reading(12, 1.5, 5.25)])
    monkeypatch.setattr(gauge.Reading, "take", lambda _: next(readings))
    monkeypatch.setattr(os, "_exit", sys.exit)
    measure = Gauge(Load("redis://127.0.0.1:1/0", 2, 3, 1))

    lasts = [measure.tick() for _ in range(5)]
    with pytest.raises(SystemExit, match="0"):
        measure.finish()

    assert lasts == [False, False, False, False, True]
    found = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert found == {"seconds": 2, "client_cpu": 0.5, "redis_cpu": 0.25}


def test_the_cpu_time_of_redis_is_that_of_its_own_process() -> None:
    info = (
        "$99\r\n# CPU\r\nused_cpu_sys:1.5\r\nused_cpu_user:2.25\r\n"
        "used_cpu_sys_children:7.0\r\nused_cpu_user_children:7.0\r\n\r\n+OK\r\n"
    )

    assert parse_cpu(info) == pytest.approx(3.75)


async def test_a_peer_that_cannot_be_installed_is_a_row_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> Path:
        raise PeerError("no matching distribution")

    monkeypatch.setattr("bench.peers.runner.prepare", refuse)

    rows = await bench(tmp_path).measure_all([FAST, SLOW])

    assert rows == [
        Failure(FAST, "no matching distribution"),
        Failure(SLOW, "no matching distribution"),
    ]


async def test_a_peer_without_a_needed_package_is_a_row_that_says_so(
    tmp_path: Path,
) -> None:
    peer = Peer("no-such-thing", requirements=(), condition="")

    [row] = await bench(tmp_path).measure_all([peer])

    assert isinstance(row, Failure)
    assert "no-such-thing" in row.reason


async def test_a_process_that_takes_too_long_is_stopped_and_told_of(
    tmp_path: Path,
) -> None:
    program = (
        "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid()));"
    )

    with pytest.raises(PeerError, match="took longer than 1 s"):
        await call((sys.executable, "-c", program + "time.sleep(60)"), 1, cwd=tmp_path)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_peer_is_installed_once_and_again_if_it_was_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    async def note(command: Sequence[str | Path], *_: object) -> str:
        calls.append(str(command[2]))
        if "venv" in command:
            await trio.Path(command[-1]).mkdir(exist_ok=True)
        elif len(calls) == 2:
            raise PeerError("took longer than 300 s")
        return ""

    monkeypatch.setattr("bench.peers.environments.call", note)
    peer = Peer("there", requirements=("there==1.0",), condition="")

    with pytest.raises(PeerError):
        await prepare(peer, tmp_path)
    python = await prepare(peer, tmp_path)

    assert await prepare(peer, tmp_path) == python
    assert python.is_relative_to(tmp_path)
    assert calls == ["venv", "pip", "venv", "pip"]


def test_a_worker_that_ends_too_early_is_told_of() -> None:
    with pytest.raises(PeerError, match="it ended before the last job"):
        _read("Worker is shutting down.\n")


def test_every_requirement_is_pinned_and_every_peer_has_a_driver() -> None:
    for peer in PEERS:
        assert all("==" in each for each in peer.requirements), peer.name
        assert (ROOT / "bench/peers/drivers" / f"{peer.name}.py").is_file()


def test_only_peers_of_the_catalogue_can_be_chosen() -> None:
    assert [peer.name for peer in choose("rq, dramatiq")] == ["dramatiq", "rq"]

    with pytest.raises(
        ArgumentTypeError, match="no peer is called resque; there are kiq_trio"
    ):
        choose("rq,resque")


@pytest.mark.slow
@pytest.mark.server
def test_kiq_trio_is_measured_beside_its_peers(tmp_path: Path) -> None:
    target = tmp_path / "found.json"
    options = (
        "--only",
        "kiq_trio",
        "--jobs",
        "200",
        "--rounds",
        "1",
        "--json",
        str(target),
    )

    done = subprocess.run(
        [sys.executable, "-m", "bench.peers", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert "| kiq_trio " in done.stdout
    [row] = json.loads(target.read_text())["peers"]
    assert row["jobs"] == 200
    assert min(row["seconds"], row["client_cpu"]) > 0
