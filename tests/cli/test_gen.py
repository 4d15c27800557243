"""Files to start from: what is written is imported, run and checked."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from kiq_trio import FunctionWorker, Kiq, Reporter
from kiq_trio._wire.memory import MemoryServer
from tests.cli.administration import Admin

CASES = [
    ("worker", "app.send_welcome"),
    ("worker", "app.SendWelcome"),
    ("worker", "app.SendHTTPMail", "-q", "critical", "-r", "3", "--no-dead"),
    ("worker", f"app.{'Long' * 10}", "-q", "q" * 30, "-r", "0"),
    ("worker", f"app.{'Long' * 10}", "-q", "q" * 60, "-r", "0", "--no-dead"),
    ("worker", "app.deadly", "-d"),
    ("supervisor", "app.jobs"),
    ("supervisor", "-m", "app.jobs", "-q", "default", "-q", "mail=5"),
    ("reporter", "app.listening"),
    ("reporter", "lonely_listener"),
]


@pytest.fixture
def gen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Admin:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "app"]:
        monkeypatch.delitem(sys.modules, name)
    return Admin(MemoryServer())


def load(module: str) -> Any:
    importlib.invalidate_caches()
    sys.modules.pop(module, None)
    return importlib.import_module(module)


async def test_a_worker_runs_as_it_was_written(
    autojump_clock: MockClock, gen: Admin
) -> None:
    said = gen("gen", "worker", "app.SendWelcome", "-q", "mail", "-r", "3", "--no-dead")
    assert said.out.startswith("wrote app/send_welcome.py\nnext: add `send_welcome`")

    made = load("app.send_welcome").send_welcome

    assert isinstance(made, FunctionWorker)
    assert made.name == "SendWelcome"
    options = made.options
    assert (options.queue, options.retry, options.dead) == ("mail", 3, False)
    async with Kiq(redis_url="memory://", queues={"mail": 1}, workers=[made]) as kiq:
        await kiq.enqueue(made.new(42))
        await kiq.wait_idle()

    assert kiq.stats.succeeded == {"SendWelcome": 1}


def test_a_worker_without_options_has_those_of_any_worker(gen: Admin) -> None:
    gen("gen", "worker", "app.tidy_up")

    made = load("app.tidy_up").tidy_up

    assert (made.name, made.options.queue) == ("tidy_up", "default")
    assert (made.options.retry, made.options.dead) == (True, True)


def test_a_supervisor_is_a_kiq_that_can_be_run(gen: Admin) -> None:
    said = gen("gen", "supervisor", "-m", "app.jobs", "-q", "mail=5", "-q", "low")
    assert "kiq-trio run app.jobs" in said.out

    kiq = load("app.jobs").kiq

    assert isinstance(kiq, Kiq)
    sizes = {name: queue.concurrency for name, queue in kiq.config.queues.items()}
    assert sizes == {"mail": 5, "low": 25}


def test_a_supervisor_may_be_called_as_kiqs_own_example_calls_it(gen: Admin) -> None:
    gen("gen", "supervisor", "myapp.Kiq")

    assert isinstance(load("myapp.kiq").kiq, Kiq)


def test_a_reporter_hears_of_everything(gen: Admin) -> None:
    gen("gen", "reporter", "app.listening")

    made = load("app.listening").Listening

    assert issubclass(made, Reporter)
    handlers = {name for name in vars(Reporter) if name.startswith("handle_")}
    assert handlers - vars(made).keys() == {"handle_events"}


def test_a_file_that_is_there_is_overwritten_by_force_only(gen: Admin) -> None:
    Path("mine.py").write_text("# mine\n")

    said = gen("gen", "reporter", "mine", code=1)

    assert said.err == "kiq-trio: mine.py is there already; --force overwrites it\n"
    assert Path("mine.py").read_text() == "# mine\n"

    gen("gen", "reporter", "mine", "--force")

    assert "class Mine(Reporter)" in Path("mine.py").read_text()


def test_a_program_is_told_what_was_written(gen: Admin, tmp_path: Path) -> None:
    answer = gen.json("gen", "worker", "a.b", "--directory", str(tmp_path / "src"))

    assert answer.keys() == {"path", "next"}
    assert answer["path"] == str(tmp_path / "src" / "a" / "b.py")
    assert gen.json("gen", "worker", "a-b", code=2)["code"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("worker", "a-b"), "is not a dotted name"),
        (("worker", "app."), "is not a dotted name"),
        (("worker", "app.import"), "is not a dotted name"),
        (("worker", "app.Import"), "has a meaning of its own"),
        (("worker", "app.worker"), "has a meaning of its own"),
        (("reporter", "reporter"), "has a meaning of its own"),
        (("worker", "x" * 51), "longer than 50"),
        (("worker", "a", "-q", 'no"thing'), "queue must be"),
        (("worker", "a", "-r", "-1"), "retry"),
        (("supervisor",), "--module"),
        (("supervisor", "a", "-m", "b"), "--module"),
        (("supervisor", "a", "-q", "mail=many"), "whole number"),
        (("supervisor", "a", "-q", "mail=0"), "1 or more"),
    ],
)
def test_what_cannot_be_is_not_written(
    gen: Admin, words: tuple[str, ...], message: str
) -> None:
    said = gen("gen", *words, code=2)

    assert message in said.err
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_what_is_written_is_formatted(gen: Admin, words: tuple[str, ...]) -> None:
    gen("gen", *words)

    check = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", "."]
    done = subprocess.run(check, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_what_is_written_passes_the_strict_type_checker(gen: Admin) -> None:
    for n, words in enumerate(CASES):
        gen("gen", *(word.replace("app.", f"app_{n}.") for word in words))
    files = sorted(map(str, Path.cwd().rglob("*.py")))
    assert len(files) == len(CASES)

    check = [sys.executable, "-m", "mypy", "--strict", "--namespace-packages"]
    done = subprocess.run(
        [*check, "--explicit-package-bases", *files],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
