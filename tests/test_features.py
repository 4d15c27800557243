"""Every feature has a row in the documentation, and every row a test."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "features.md").read_text()
ROWS = re.findall(r"^\| (\d+) \|(.*)\|$", PAGE, re.MULTILINE)
COUNT = 31

CAVEATS = PAGE.partition("## Kiq's caveats")[2]


def test_every_feature_has_a_row_in_its_place() -> None:
    assert [int(number) for number, _ in ROWS] == [*range(1, COUNT + 1)]


@pytest.mark.parametrize(("number", "row"), ROWS, ids=lambda part: part[:2])
def test_a_feature_is_shown_by_a_test(number: str, row: str) -> None:
    _feature, deed, shown, _beyond = row.split(" | ")

    assert deed.strip(), number
    assert re.findall(r"`test_\w+`", shown), number


def test_every_caveat_of_kiq_is_kept_or_lifted() -> None:
    rows = re.findall(r"^\| (?!caveat|---)(.*) \|$", CAVEATS, re.MULTILINE)

    assert len(rows) == 5
    for row in rows:
        _caveat, verdict, shown = row.split(" | ")
        assert verdict.startswith(("kept", "lifted")), row
        assert "`test_" in shown, row


@pytest.mark.slow
@pytest.mark.server
def test_the_benchmarks_run_by_one_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert done.returncode == 0, done.stderr
    for title in ("Drain", "Enqueue", "Idle", "Unix socket"):
        assert f"\n{title}" in done.stdout
