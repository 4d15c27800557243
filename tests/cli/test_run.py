"""What signals do to `kiq-trio run`, in real processes and on a real Redis."""

import signal
from collections.abc import Iterator

import pytest

from tests.cli.program import LONG, Talk, started, wait_until
from tests.servers import RealServer

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.faults]


@pytest.fixture
def talk(real_server: RealServer) -> Iterator[Talk]:
    with real_server.client() as client:
        client.flushall()
        yield Talk(client)
        client.flushall()


def test_term_waits_for_what_runs_and_leaves_nothing_behind(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("hold", "a")

    with started("run", "chores", url=real_server.unix_url) as program:
        assert talk.hear() == "a began"
        program.send_signal(signal.SIGTERM)
        wait_until(talk.is_quiet)
        talk.enqueue("hold", "b")
        talk.release("a")
        assert talk.hear() == "a ended"
        assert program.wait(LONG) == 0

    assert talk.waiting() == ["b"]
    assert talk.held() == []
    left = sorted(talk.client.keys("kiq:*"))
    assert left == [b"kiq:registrations", b"kiq:term"]


def test_a_stop_before_redis_is_there_ends_at_once(real_server: RealServer) -> None:
    nowhere = f"unix://{real_server.folder}/nobody-here"

    with started("run", "chores", url=nowhere) as program:
        assert program.stdout is not None
        while "cannot be reached" not in (line := program.stdout.readline()):
            assert line, "it ended by itself"
        program.send_signal(signal.SIGTERM)
        assert program.wait(LONG) == 0


def test_what_a_program_has_loaded_is_not_looked_through_for_garbage(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("count_kept", "a")

    with started("run", "chores", url=real_server.unix_url):
        name, kept = talk.hear().split(": ")

    assert name == "a"
    assert int(kept) > 10_000


def test_a_second_interrupt_ends_at_once_and_puts_the_job_back(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("hold", "a")

    with started("run", "chores", url=real_server.unix_url) as program:
        assert talk.hear() == "a began"
        program.send_signal(signal.SIGINT)
        wait_until(talk.is_quiet)
        program.send_signal(signal.SIGINT)
        assert program.wait(LONG) == 130

    assert talk.waiting() == ["a"]
    assert talk.held() == []


def test_tstp_takes_no_more_jobs_and_lets_run_what_runs(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("hold", "a")

    with started("run", "chores", url=real_server.unix_url) as program:
        assert talk.hear() == "a began"
        program.send_signal(signal.SIGTSTP)
        wait_until(talk.is_quiet)
        talk.enqueue("hold", "b")
        talk.release("a")
        assert talk.hear() == "a ended"
        program.send_signal(signal.SIGTERM)
        assert program.wait(LONG) == 0

    assert talk.waiting() == ["b"]
    assert talk.client.llen("heard") == 0


def test_ttin_shows_what_every_task_is_doing(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("hold", "a")

    with started("run", "chores", url=real_server.unix_url) as program:
        assert talk.hear() == "a began"
        program.send_signal(signal.SIGTTIN)
        talk.release("a")
        assert talk.hear() == "a ended"
        program.send_signal(signal.SIGTERM)
        said, _ = program.communicate(timeout=LONG)

    assert "what every task is doing" in said
    assert "chores.py" in said


@pytest.mark.parametrize("deaf", ["shield", "sit"])
def test_a_deaf_job_is_left_to_the_others(
    real_server: RealServer, talk: Talk, deaf: str
) -> None:
    talk.enqueue(deaf, "a")
    run = ("run", "chores", "--shutdown-timeout", "0.1")

    with started(*run, url=real_server.unix_url) as program:
        assert talk.hear() == "a began"
        program.send_signal(signal.SIGTERM)
        assert program.wait(LONG) == 1

    assert talk.held() == ["a"]
    assert talk.client.scard("kiq:graves") == 1
    assert talk.client.hlen("kiq:processes") == 0

    with started(*run, url=real_server.unix_url):
        assert talk.hear() == "a began"


def test_a_bug_of_ours_ends_the_process_also_if_a_job_is_deaf(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("sabotage", "a")
    run = ("run", "chores:faulty", "--shutdown-timeout", "0.1")

    with started(*run, url=real_server.unix_url) as program:
        assert talk.hear() == "a began"
        assert program.wait(LONG) == 1

    assert talk.held() == ["a"]


def test_what_a_killed_process_ran_is_run_by_another(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("hold", "a")

    with started("run", "chores", url=real_server.unix_url) as program:
        assert talk.hear() == "a began"
        program.kill()
        program.wait(LONG)
    assert talk.held() == ["a"]

    with started("run", "chores", url=real_server.unix_url) as program:
        assert talk.hear() == "a began"
        talk.release("a")
        assert talk.hear() == "a ended"
        program.send_signal(signal.SIGTERM)
        assert program.wait(LONG) == 0
    assert talk.held() == []
    assert talk.waiting() == []


def test_queues_of_the_command_line_replace_its_own(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("hold", "a")
    talk.enqueue("hold", "b", queue="low")

    with started("run", "chores", "-q", "low=1", url=real_server.unix_url) as program:
        assert talk.hear() == "b began"
        talk.release("b")
        assert talk.hear() == "b ended"
        program.send_signal(signal.SIGTERM)
        assert program.wait(LONG) == 0

    assert talk.waiting() == ["a"]
