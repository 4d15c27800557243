"""The benchmark beside other systems: its arithmetic, its page, and one whole run."""

import json
import os
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from bench.clock import Sample
from bench.peers import page
from bench.peers.catalogue import PEERS, Peer, choose, in_threads
from bench.peers.drivers import gauge
from bench.peers.drivers.gauge import Gauge, Load, Reading, parse
from bench.peers.environments import PeerError, Program, call, prepare
from bench.peers.runner import Bench, Found, _read

ROOT = Path(__file__).parent.parent
OURS = Peer("kiq_trio", condition="many tasks")
SLOW = Peer("slow", condition="one thread", acknowledges=False)
FAST = Peer("fast", condition="many tasks")


def bench(cache: Path) -> Bench:
    return Bench("redis://127.0.0.1:1/0", jobs=10, cache=cache, timeout=5)


def sample(cpu: float) -> dict[str, Sample]:
    return {"drain": Sample(1000, seconds=1, cpu=cpu, redis_cpu=0.02, trips=500)}


def found_by_two_rounds() -> Found:
    """Return what came of a machine that was twice as slow in the second round."""
    found = Found(versions={"kiq_trio": "1.0", "fast": "2.1"})
    for speed in (1, 2):
        found.add(FAST, sample(0.3 * speed))
        found.add(OURS, sample(0.02 * speed))
    found.give_up(SLOW, "drain: a | b")
    return found


def test_the_page_shows_the_cheapest_first_in_multiples_of_ours() -> None:
    found = page.to_json([OURS, FAST, SLOW], found_by_two_rounds(), {"load": "high"})

    text = page.make(json.loads(json.dumps(found)))["tables.md"]

    rows = [line for line in text.splitlines() if "0.500" in line]
    assert rows == [
        "| kiq_trio | 1,000 | 30.0 | 20.0 | 0.500 | 0.00 | 1.00 |",
        "| fast | 1,000 | 450.0 | 20.0 | 0.500 | 0.00 | 15.00 |",
    ]
    assert "| load | high |" in text


def test_the_page_says_why_a_peer_was_not_measured_and_who_loses_jobs() -> None:
    found = page.to_json([OURS, SLOW], found_by_two_rounds(), {})

    text = page.make(found)["tables.md"]

    assert "| kiq_trio | 1.0 | yes | many tasks |" in text
    assert "| slow |  | **no** | not measured: drain: a / b |" in text


def test_who_loses_jobs_is_marked_wherever_it_is_shown() -> None:
    marked = [peer.name for peer in PEERS if peer.label.endswith("†")]

    assert marked == ["huey", "huey-32", "sidekiq"]


def test_without_ours_nothing_is_compared() -> None:
    found = Found()
    found.add(FAST, sample(0.3))

    table = page.to_json([FAST], found, {})["tables"]["drain"]

    assert "ratio" not in table["rows"]["fast"]


def test_the_page_of_peers_is_what_its_json_makes() -> None:
    found = json.loads(page.FOUND.read_text())

    files = page.make(found)

    shown = {name: (page.FOLDER / name).read_text() for name in files}
    assert shown == files, "run `python -m bench.peers.page`"
    assert [peer["name"] for peer in found["peers"]] == [peer.name for peer in PEERS]


def test_threads_have_two_rows() -> None:
    few, many = in_threads(Peer("pool", condition="no result"))

    assert (few.name, few.concurrency) == ("pool", 8)
    assert (many.name, many.concurrency) == ("pool-32", 32)
    assert few.driver == many.driver == "pool.py"
    assert few.distribution == many.distribution == "pool"
    assert many.condition == "32 threads; no result"


async def test_a_peer_that_failed_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    async def refuse(peer: Peer, _: Path) -> Program:
        tried.append(peer.name)
        raise PeerError("no matching distribution")

    monkeypatch.setattr("bench.peers.runner.prepare", refuse)

    await bench(tmp_path).measure_all([FAST, SLOW], rounds=3)

    assert tried == ["fast", "slow"]


def test_the_clock_runs_from_the_end_of_the_warm_up_to_the_last_job(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    readings = iter([Reading(10, 1, 5, 100, 200), Reading(12, 1.5, 5.25, 111, 231)])
    monkeypatch.setattr(gauge.Reading, "take", lambda _: next(readings))
    monkeypatch.setattr(os, "_exit", sys.exit)
    measure = Gauge(Load("redis://127.0.0.1:1/0", 2, 3, 1))

    for _ in range(4):
        measure.job()
    with pytest.raises(SystemExit, match="0"):
        measure.job()

    assert _read(capfd.readouterr().out) == Sample(
        3, seconds=2, cpu=0.5, redis_cpu=0.25, trips=10, commands=30
    )


@pytest.mark.parametrize("size", [1, 2, 10])
def test_enqueueing_is_measured_after_its_warm_up(
    size: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []
    read_after: list[int] = []

    def take(_: str) -> Reading:
        read_after.append(len(seen))
        return Reading(1, 1, 1, len(seen), len(seen))

    monkeypatch.setattr(gauge.Reading, "take", take)
    measure = Gauge(Load("redis://127.0.0.1:1/0", 3, 5, 1))

    for batch in measure.batches(size):
        assert len(batch) <= size
        seen.extend(batch)

    assert seen == list(range(8))
    assert read_after == [3, 8]
    assert _read(capfd.readouterr().out).count == 5


def test_what_redis_did_is_that_of_its_own_process() -> None:
    info = (
        "# CPU\r\nused_cpu_sys:1.5\r\nused_cpu_user:2.25\r\n"
        "used_cpu_sys_children:7.0\r\nused_cpu_user_children:7.0\r\n"
        "total_reads_processed:12\r\ntotal_commands_processed:34\r\n"
    )

    assert parse(info) == (3.75, 12, 34)


async def test_a_peer_that_cannot_be_installed_is_a_row_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> Path:
        raise PeerError("no matching distribution")

    monkeypatch.setattr("bench.peers.runner.prepare", refuse)

    found = await bench(tmp_path).measure_all([FAST, SLOW])

    assert found.failures == dict.fromkeys(("fast", "slow"), "no matching distribution")


async def test_a_peer_without_a_needed_package_is_a_row_that_says_so(
    tmp_path: Path,
) -> None:
    peer = Peer("no-such-thing", condition="")

    found = await bench(tmp_path).measure_all([peer])

    assert "no-such-thing" in found.failures[peer.name]
    assert found.versions == {}


async def test_without_ruby_there_is_no_sidekiq(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    found = await bench(tmp_path).measure_all(choose("sidekiq"))

    assert found.failures == {"sidekiq": "there is no Ruby"}


async def test_a_process_that_takes_too_long_is_stopped_and_told_of(
    tmp_path: Path,
) -> None:
    program = (
        "import os, pathlib, sys, time;"
        "pathlib.Path(sys.argv[1], 'pid').write_text(str(os.getpid()));"
        "time.sleep(60)"
    )

    with pytest.raises(PeerError, match="took longer than 1 s"):
        await call((sys.executable, "-c", program, tmp_path), 1)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_peer_is_installed_once_and_again_if_it_was_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    async def note(command: Sequence[str | Path], *_: object) -> str:
        if "-c" in command:
            return "1.0\n"
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
    program = await prepare(peer, tmp_path)

    assert await prepare(peer, tmp_path) == program
    assert Path(program.command[0]).is_relative_to(tmp_path)
    assert program.version == "1.0"
    assert calls == ["venv", "pip", "venv", "pip"]


def test_a_worker_that_ends_too_early_is_told_of() -> None:
    with pytest.raises(PeerError, match="it ended before the last job"):
        _read("Worker is shutting down.\n")


def test_every_requirement_is_pinned_and_every_peer_has_a_driver() -> None:
    for peer in PEERS:
        assert all("==" in each for each in peer.requirements), peer.name
        assert (ROOT / "bench/peers/drivers" / peer.driver).is_file()


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
    for table in json.loads(target.read_text())["tables"].values():
        row = table["rows"]["kiq_trio"]
        assert min(row["rate"], row["cpu_us"], row["trips"], row["commands"]) > 0
