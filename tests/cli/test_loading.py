"""`module:attribute`, and what is said when there is no Kiq."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kiq_trio.cli.app import app
from kiq_trio.cli.loading import load_kiq
from kiq_trio.cli.overriding import override
from kiq_trio.errors import ConfigError
from kiq_trio.kiq import Kiq
from tests.cli.program import run, started

PROGRAM = """
from kiq_trio import Kiq, worker

kiq = Kiq(redis_url="memory://", queues={"default": 5, "low": 2})
number = 42
client = Kiq(redis_url="memory://", server=False)

class AppKiq(Kiq):
    redis_url = "memory://"
    queues = {"default": 5, "low": 2}

@worker()
async def chore() -> None: ...

def make(): return kiq
def make_from(name): return kiq
def make_nothing(): return None
def fail(): raise RuntimeError("no luck")
async def make_later(): return kiq
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "other.py").write_text("jobs = __import__('program').kiq")
    (tmp_path / "broken.py").write_text("import there_is_no_such_module")
    (tmp_path / "wrong.py").write_text("import kiq_trio\nkiq_trio.Kiq(queus={})")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in ("program", "other", "broken", "wrong"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    "target", ["program", "program:kiq", "program:make", "program:AppKiq"]
)
def test_a_kiq_is_found_in_the_current_directory(here: Path, target: str) -> None:
    assert isinstance(load_kiq(target), Kiq)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("nowhere", "there is no module 'nowhere' in "),
        ("program.part", "there is no module 'program.part' in "),
        ("program.py", "there is no module 'program.py' in "),
        ("pro gram", "'pro gram' is not the name of a module"),
        ("./program.py", "without .py"),
        (
            "program:app",
            "program has no 'app'; it has a Kiq called 'kiq', 'client', 'AppKiq'",
        ),
        ("other", "other has no 'kiq'; it has a Kiq called 'jobs'"),
        ("program:number", "program:number is no Kiq, but 42"),
        ("program:chore", "program:chore is no Kiq, but <Worker chore>"),
        ("program:make_nothing", "program:make_nothing() is no Kiq, but None"),
        ("program:make_from", "must take no arguments: missing a required argument"),
        ("program:make_later", "program:make_later is async"),
        ("program:fail", "program:fail() raised RuntimeError('no luck')"),
        ("broken", "broken cannot be imported: No module named 'there_is_no_such_"),
        ("wrong", "did you mean 'queues'"),
    ],
)
def test_what_cannot_be_loaded_is_named(here: Path, target: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_kiq(target)

    assert sentence in str(caught.value)


@pytest.mark.parametrize("target", ["program", "program:AppKiq"])
def test_options_replace_what_the_kiq_was_made_with(here: Path, target: str) -> None:
    kiq = load_kiq(target)

    override(kiq, queues=["low", "mail=3"], shutdown_timeout=1.5, sidekiq=7)

    assert kiq.config.sidekiq == 7
    assert kiq.config.concurrency == {"low": 2, "mail": 3}
    assert kiq.config.shutdown_timeout == 1.5
    assert not kiq.is_embedded


@pytest.mark.parametrize(
    ("queues", "expected"),
    [
        ([], {"default": 9, "low": 9}),
        (["low", "mail"], {"low": 9, "mail": 9}),
        (["low=1", "mail"], {"low": 1, "mail": 9}),
    ],
)
def test_a_concurrency_is_for_queues_without_a_number_of_their_own(
    here: Path, queues: list[str], expected: dict[str, int]
) -> None:
    kiq = load_kiq("program")

    override(kiq, queues=queues, concurrency=9)

    assert kiq.config.concurrency == expected


@pytest.mark.parametrize(
    ("queue", "sentence"),
    [
        ("mail", "--queue mail: give its concurrency, mail=25, or take one of"),
        ("mail=", "--queue mail=: the concurrency must be a whole number"),
        ("mail=many", "--queue mail=many: the concurrency must be a whole number"),
        (
            "mail=0",
            "queues['mail'] must be a whole number of 1 or more, or a Queue, got 0",
        ),
        ("=3", "queues: a name is 1 to 128 of"),
    ],
)
def test_a_queue_that_cannot_be_is_named(here: Path, queue: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(load_kiq("program"), queues=[queue], shutdown_timeout=None)

    assert sentence in str(caught.value)


def test_a_client_cannot_be_run(here: Path) -> None:
    with pytest.raises(ConfigError, match="server=False: it runs no jobs"):
        override(load_kiq("program:client"), queues=(), shutdown_timeout=None)


@pytest.mark.slow
def test_a_mistake_ends_with_a_sentence_and_exit_code_1(here: Path) -> None:
    code, said = run("run", "program:app", cwd=here)

    assert code == 1
    assert said.startswith("kiq-trio: program has no 'app'")
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_mistake_of_the_programs_own_shows_where_it_is(here: Path) -> None:
    code, said = run("run", "broken", cwd=here)

    assert code == 1
    assert "broken.py" in said
    assert said.splitlines()[-1].startswith("kiq-trio: broken cannot be imported")


@pytest.mark.slow
def test_a_program_that_has_configured_its_logging_keeps_it(here: Path) -> None:
    (here / "own.py").write_text(
        "import logging\n"
        "logging.basicConfig(format='mine: %(message)s', level=logging.INFO)\n"
        "from program import kiq\n"
    )

    with started("run", "own", cwd=here) as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("mine: kiq_trio ")


@pytest.mark.slow
def test_one_that_does_not_want_to_start_ends_at_once_and_in_peace(here: Path) -> None:
    (here / "shy.py").write_text(
        "from kiq_trio import IGNORE, Kiq\n"
        "class AppKiq(Kiq):\n"
        "    redis_url = 'memory://'\n"
        "    def init(self, opts): return IGNORE\n"
    )

    code, said = run("run", "shy:AppKiq", cwd=here)

    assert code == 0
    assert "nothing is started, since its init returned IGNORE" in said


def test_options_that_make_no_sense_are_told_from_what_fails(here: Path) -> None:
    senseless = CliRunner().invoke(app, ["run", "program", "-q", "nope=0"])
    missing = CliRunner().invoke(app, ["run", "nowhere"])

    assert (senseless.exit_code, missing.exit_code) == (2, 1)
    assert "queues['nope'] must be a whole number" in senseless.stderr
