import signal
from pathlib import Path

import pytest

from kiq_trio.cli.demo_jobs import make_kinds, mix
from kiq_trio.cli.demo_process import WorkerFailedError, open_worker_process
from kiq_trio.cli.diary import Diary, Reading
from tests.cli.program import LONG, run, started


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.faults
def test_the_demonstration_kills_a_process_and_loses_nothing() -> None:
    code, said = run("demo", "--jobs", "2000")

    assert code == 0, said
    assert "is killed (SIGKILL) with" in said
    assert "enqueued 2,000 = done 1,960 + dead 40, lost 0, run twice" in said
    assert "Every job is accounted for" in said


@pytest.mark.slow
@pytest.mark.server
def test_an_interrupted_demonstration_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    with started("demo") as program:
        assert program.stdout is not None
        while "jobs enqueued" not in (line := program.stdout.readline()):
            assert line, "it ended by itself"
        program.send_signal(signal.SIGINT)
        assert program.wait(LONG) == 130

    assert list(tmp_path.glob("kiq-trio-demo-*")) == []


@pytest.mark.slow
async def test_a_worker_process_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("in the way")

    with pytest.raises(WorkerFailedError, match=r"exit code 1.*File exists"):
        async with open_worker_process(tmp_path, "first") as process:
            await process.check(LONG)


def test_jobs_are_mixed_by_their_shares(tmp_path: Path) -> None:
    kinds = make_kinds(Diary(tmp_path))

    mixed = mix(kinds, 1_000)

    assert [mixed.count(kind) for kind in kinds] == [700, 100, 100, 80, 20]
    assert len(set(mixed[:20])) >= 4
    assert len(mix(kinds, 150)) == 150


def test_a_diary_is_read_while_it_is_written(tmp_path: Path) -> None:
    diary = Diary(tmp_path)
    reading = Reading(tmp_path)

    diary.begin("a")
    reading.catch_up()
    diary.end("a")
    diary.begin("a")
    reading.catch_up()

    assert reading.began == {"a": 2}
    assert reading.ended == {"a": 1}


def test_half_a_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    Diary(tmp_path)
    reading = Reading(tmp_path)
    page = tmp_path / "diary" / "1.txt"

    page.write_text("began a\nbeg")
    reading.catch_up()
    page.write_text("began a\nbegan b\n")
    reading.catch_up()

    assert reading.began == {"a": 1, "b": 1}


def test_the_first_time_is_known_to_every_process(
    tmp_path: Path,
) -> None:
    assert Diary(tmp_path).is_first_time("a")
    assert not Diary(tmp_path).is_first_time("a")
