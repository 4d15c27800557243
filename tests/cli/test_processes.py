"""`kiq-trio run` with several processes, which are really started and killed."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.program import HERE, LONG, Talk, run, started, wait_until
from tests.servers import RealServer

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.faults]


@pytest.fixture
def talk(real_server: RealServer) -> Iterator[Talk]:
    with real_server.client() as client:
        client.flushall()
        yield Talk(client)
        client.flushall()


@contextmanager
def several(
    server: RealServer, *options: str, cwd: Path = HERE
) -> Iterator["subprocess.Popen[str]"]:
    """Run `kiq-trio run chores` with *options*; nobody is left behind."""
    with server.client() as client:
        known = Talk(client)
        with started(
            "run", "chores", *options, url=server.unix_url, cwd=cwd
        ) as program:
            yield program
        for pid in known.pids():
            # They have a session of their own, and end with their parent.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    # In a container without an init nobody buries the dead.
    return state != "Z"


def test_all_processes_run_and_one_stop_stops_them(
    real_server: RealServer, talk: Talk
) -> None:
    with several(real_server, "-p", "2") as program:
        wait_until(lambda: len(talk.pids()) == 2)
        pids = talk.pids()
        assert program.pid not in pids
        talk.enqueue("hold", "a")
        assert talk.hear() == "a began"
        program.send_signal(signal.SIGTERM)
        wait_until(lambda: len(talk.pids()) == 1)
        talk.release("a")
        assert talk.hear() == "a ended"
        assert program.wait(LONG) == 0

    assert not any(map(is_alive, pids))
    assert talk.held() == []
    left = sorted(talk.client.keys("kiq:*"))
    assert left == [b"kiq:registrations", b"kiq:term"]


def test_a_process_that_dies_is_followed_by_another(
    real_server: RealServer, talk: Talk
) -> None:
    with several(real_server, "-p", "2") as program:
        wait_until(lambda: len(talk.pids()) == 2)
        before = talk.pids()
        os.kill(min(before), signal.SIGKILL)
        wait_until(lambda: len(talk.pids() - before) == 1)
        program.send_signal(signal.SIGTERM)
        said, _ = program.communicate(timeout=LONG)

    assert program.returncode == 0
    assert "was ended by SIGKILL; a new one comes in 0.5 s" in said


def test_children_stop_gracefully_when_their_parent_is_killed(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("hold", "a")

    with several(real_server, "-p", "2") as program:
        assert talk.hear() == "a began"
        wait_until(lambda: len(talk.pids()) == 2)
        pids = talk.pids()
        program.kill()
        program.wait(LONG)
        wait_until(lambda: len(talk.pids()) == 1)
        talk.release("a")
        assert talk.hear() == "a ended"
        wait_until(lambda: not any(map(is_alive, pids)))

    assert talk.held() == []


def test_tstp_and_ttin_reach_every_process(real_server: RealServer, talk: Talk) -> None:
    with several(real_server, "-p", "2") as program, ThreadPoolExecutor(1) as reader:
        # Two trees of tasks are more than a pipe holds: it must be read meanwhile.
        output = reader.submit(program.communicate, timeout=2 * LONG)
        wait_until(lambda: len(talk.pids()) == 2)
        program.send_signal(signal.SIGTTIN)
        program.send_signal(signal.SIGTSTP)
        wait_until(lambda: talk.quiet() == 2)
        program.send_signal(signal.SIGTERM)
        said, _ = output.result()

    assert program.returncode == 0
    assert said.count("what every task is doing") == 2


def test_a_process_whose_loop_is_blocked_is_killed_after_its_time(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("block", "a")

    with several(real_server, "-p", "2", "--shutdown-timeout", "0.1") as program:
        assert talk.hear() == "a began"
        wait_until(lambda: len(talk.pids()) == 2)
        pids = talk.pids()
        program.send_signal(signal.SIGTERM)
        said, _ = program.communicate(timeout=LONG)

    assert program.returncode == 128 + signal.SIGKILL
    assert "does not stop: it is killed" in said
    assert not any(map(is_alive, pids))
    assert talk.held() == ["a"]


@pytest.mark.parametrize("options", [[], ["--burst"], ["-p", "2", "--burst"]])
def test_one_that_ignores_its_start_ends_at_once(options: list[str]) -> None:
    code, said = run("run", "chores:nothing", *options)

    assert code == 0, said
    assert "its init returned IGNORE" in said


def test_a_second_interrupt_puts_the_jobs_of_all_back(
    real_server: RealServer, talk: Talk
) -> None:
    with several(real_server, "-p", "2", "-q", "default=1") as program:
        talk.enqueue("hold", "a")
        talk.enqueue("hold", "b")
        assert {talk.hear(), talk.hear()} == {"a began", "b began"}
        program.send_signal(signal.SIGINT)
        wait_until(lambda: talk.quiet() == 2)
        program.send_signal(signal.SIGINT)
        assert program.wait(LONG) == 130

    assert sorted(talk.waiting()) == ["a", "b"]
    assert talk.held() == []


def test_a_mistake_is_told_by_the_first_and_ends_all(real_server: RealServer) -> None:
    with started("run", "nowhere", "-p", "2", url=real_server.unix_url) as program:
        said, _ = program.communicate(timeout=LONG)

    assert program.returncode == 1
    assert "there is no module 'nowhere'" in said
    assert "none could start: we give up and stop all" in said


def test_a_burst_ends_when_nothing_is_left(real_server: RealServer, talk: Talk) -> None:
    for name in ("a", "b", "c"):
        talk.enqueue("hold", name)
        talk.release(name)

    with several(real_server, "--burst", "-p", "2") as program:
        assert program.wait(LONG) == 0

    assert talk.waiting() == []
    assert talk.held() == []
    assert talk.client.llen("heard") == 6


def test_a_burst_waits_for_what_still_runs(real_server: RealServer, talk: Talk) -> None:
    talk.enqueue("hold", "a")

    with started("run", "chores", "--burst", url=real_server.unix_url) as program:
        assert talk.hear() == "a began"
        talk.release("a")
        assert program.wait(LONG) == 0

    assert talk.hear() == "a ended"


def test_a_change_of_the_source_restarts_gracefully(
    real_server: RealServer, talk: Talk, tmp_path: Path
) -> None:
    source = tmp_path / "chores.py"
    source.write_text((HERE / "chores.py").read_text())
    talk.enqueue("hold", "a")

    with several(real_server, "--reload", cwd=tmp_path) as program:
        assert talk.hear() == "a began"
        before = talk.pids()
        source.write_text(source.read_text() + "\n# changed\n")
        wait_until(lambda: talk.quiet() == 1)
        talk.release("a")
        assert talk.hear() == "a ended"
        wait_until(lambda: len(talk.pids() - before) == 1)
        program.send_signal(signal.SIGTERM)
        said, _ = program.communicate(timeout=LONG)

    assert program.returncode == 0
    assert re.search(r"changed: .*chores\.py; starting anew", said)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-p", "0"], "--processes must be a whole number of 1 or more, got 0"),
        (["-c", "0"], "--concurrency must be a whole number of 1 or more, got 0"),
        (["--burst", "--reload"], "--burst and --reload contradict each other"),
        (["-v", "--quiet"], "--verbose and --quiet contradict each other"),
        (["--reload-dir", "nowhere"], "--reload-dir must be a folder, got 'nowhere'"),
        (["--log-format", "xml"], "log_format must be "),
        (["--shutdown-timeout", "-1"], "shutdown_timeout must be a number of 0 or"),
    ],
)
def test_a_value_that_cannot_be_is_named(options: list[str], sentence: str) -> None:
    code, said = run("run", "chores", *options)

    assert code == 2
    assert said.startswith(f"kiq-trio: {sentence}")
    assert len(said.splitlines()) == 1
