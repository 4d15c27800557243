"""The documentation builds, its programs run, and what it names is there."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from kiq_trio import Config
from kiq_trio.cli.app import app
from tests.fragments import Fragment, read_fragments, read_programs

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "kiq_trio"
EXAMPLES = ROOT / "examples"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
GUIDES = [*sorted(DOCS.glob("guides/*.md")), *sorted(DOCS.glob("migrating/*.md"))]

PROGRAMS = [
    pytest.param(code, output, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, (code, output) in enumerate(read_programs(page), 1)
]
FRAGMENTS = [
    pytest.param(fragment, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, fragment in enumerate(read_fragments(page), 1)
]


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    missing = [
        name for name in ("sphinx", "myst_parser", "furo") if not find_spec(name)
    ]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}, of the extra `docs`")

    options = ("-q", "-E", "-W", "--keep-going", "-b", "html")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, DOCS, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(("code", "output"), PROGRAMS)
def test_a_program_prints_what_its_page_says(code: str, output: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, output), done.stderr


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_what_a_fragment_names_is_there(fragment: Fragment) -> None:
    assert fragment.faults() == []


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("print(nothing)", "nobody knows nothing"),
        ("from kiq_trio import nothing", "kiq_trio has no nothing"),
        ("kiq.nothing()", "kiq has no nothing"),
        ("kiq.stats.nothing", None),
        ("kiq.enqueue(1, nothing=2)", "enqueue takes no nothing"),
        ("Kiq(nothing=2)", "Kiq takes no nothing"),
        ("Kiq(queues={})", None),
        ("@worker(nothing=2)\ndef f(): ...", "worker takes no nothing"),
        ("class A(Worker, nothing=2): ...", "Worker takes no nothing"),
        (
            "@periodic('* * * * *', nothing=2)\ndef f(): ...",
            "periodic takes no nothing",
        ),
        ("await kiq.enqueue(1, in_=60)", None),
    ],
)
def test_a_fault_of_a_fragment_is_found(code: str, fault: str | None) -> None:
    assert Fragment(code).faults() == ([] if fault is None else [fault])


def test_the_tutorial_has_no_program_that_is_not_run() -> None:
    tutorial = (DOCS / "tutorial.md").read_text()

    assert len(read_programs(DOCS / "tutorial.md")) == tutorial.count("```python\n") > 0


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_no_code_of_a_guide_is_left_out(page: Path) -> None:
    found = len(read_programs(page)) + len(read_fragments(page))

    assert found == page.read_text().count("```python\n") > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    included = re.findall(r"```{(?:literal)?include} (\S+)", page.read_text())

    missing = [to for to in (*links, *included) if not (page.parent / to).exists()]

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_test_that_is_named_exists(page: Path) -> None:
    sources = [path.read_text() for path in ROOT.glob("tests/**/test_*.py")]
    there = {name for text in sources for name in re.findall(r"def (test_\w+)", text)}

    assert set(re.findall(r"`(test_\w+)`", page.read_text())) <= there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_module_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`(?:kiq_trio/)?(_?[\w/]*\w\.py)`", page.read_text())

    missing = [
        name
        for name in named
        if not any((folder / name).exists() for folder in (PACKAGE, EXAMPLES, ROOT))
    ]

    assert missing == []


def test_every_command_has_a_row_in_a_table() -> None:
    rows = re.findall(
        r"^\| `([a-z][a-z -]+)` \|", (DOCS / "commands.md").read_text(), re.MULTILINE
    )
    commands: Any = typer.main.get_command(app)
    there = [
        f"{name} {below}".strip()
        for name, command in commands.commands.items()
        for below in getattr(command, "commands", [""])
    ]

    assert set(rows) == set(there)


def test_the_unit_for_systemd_leaves_jobs_their_time() -> None:
    page = (DOCS / "production.md").read_text()
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", page, re.MULTILINE)

    # As running.md says: five seconds more than jobs have to finish.
    assert int(seconds) >= Config().shutdown_timeout + 5


def test_the_line_for_systemd_mends_a_file_and_minds_none(tmp_path: Path) -> None:
    if shutil.which("redis-check-aof") is None:
        pytest.skip("redis-check-aof is not on the PATH")
    page = (DOCS / "running.md").read_text()
    [line] = re.findall(r"^ExecStartPre=/bin/sh -c '(.*)'$", page, re.MULTILINE)
    command = ["/bin/sh", "-c", line.replace("/var/lib/redis", os.fspath(tmp_path))]

    assert subprocess.run(command, check=False).returncode == 0

    whole = (
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
    )
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    name = "appendonly.aof.1.incr.aof"
    (folder / "appendonly.aof.manifest").write_text(f"file {name} seq 1 type i\n")
    (folder / name).write_bytes(whole + b"*3\r\n$3\r\nSET\r\n$1\r\nb")

    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert (folder / name).read_bytes() == whole
