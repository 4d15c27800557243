"""The plugin, in a pytest of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

JOBS = """
from kiq_trio import Kiq, worker

@worker()
async def welcome(user_id): ...

kiq = Kiq(redis_url="redis://redis.invalid", workers=[welcome])
"""

TESTS = """
import pytest, trio
from jobs import kiq, welcome

@pytest.fixture
async def early():
    async with trio.open_nursery() as nursery:
        yield nursery

{marks}
@pytest.mark.parametrize("number", range(3))
async def test_each_sees_its_own(early, kiq_sandbox, autojump_clock, number):
    kiq_sandbox.refute_enqueued()
    await trio.sleep(3600)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kiq.enqueue, welcome.new(number))
    early.start_soon(kiq.enqueue, welcome.new(-1))
    await trio.testing.wait_all_tasks_blocked()
    kiq_sandbox.assert_enqueued(welcome, args=[number])
    kiq_sandbox.assert_enqueued(welcome, count=2)
"""

# Named, in case the package was installed before it had a plugin.
PLUGINS = ("-p", "pytest_kiq_trio", "-p", "no:cacheprovider")
APP = "kiq_trio_app = jobs:kiq"
FIXTURE = """
import jobs, pytest

@pytest.fixture
def kiq():
    return jobs.kiq
"""


def run_pytest(folder: Path, *, ini: str, tests: str, conftest: str = "") -> str:
    """Run pytest on some files, and return what it says."""
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = .\n{ini}\n")
    (folder / "jobs.py").write_text(JOBS)
    (folder / "test_it.py").write_text(tests)
    (folder / "conftest.py").write_text(conftest)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", *PLUGINS],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ini", "marks", "conftest"),
    [
        (f"trio_mode = true\n{APP}", "", ""),
        (APP, "@pytest.mark.trio", ""),
        ("trio_mode = true", "", FIXTURE),
    ],
    ids=["trio mode", "marked", "fixture"],
)
def test_each_test_has_a_sandbox_of_its_own(
    tmp_path: Path, ini: str, marks: str, conftest: str
) -> None:
    tests = TESTS.format(marks=marks)

    said = run_pytest(tmp_path, ini=ini, tests=tests, conftest=conftest)

    assert "3 passed" in said, said


@pytest.mark.slow
def test_who_does_not_say_which_kiq_is_told_how(tmp_path: Path) -> None:
    tests = TESTS.format(marks="")

    said = run_pytest(tmp_path, ini="trio_mode = true", tests=tests)

    assert "which Kiq? Set kiq_trio_app = module:attribute" in said, said


def test_pytest_starts_no_slower_for_those_who_enqueue_nothing() -> None:
    code = (
        "import sys, pytest, pytest_kiq_trio;"
        "print(*{'kiq_trio', 'trio', 'redis'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "\n"
