"""Every row of the faults has an entry, and every test that is named is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "faults.md").read_text()
ROWS = re.findall(r"^\| F(\d+) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)\(", path.read_text())
}
NOT_OF_US = range(101, 105)
"""Of a Web UI."""


def test_every_row_has_its_entry_in_its_place() -> None:
    rows = [number for number in range(1, 108) if number not in NOT_OF_US]

    assert [int(number) for number, _, _ in ROWS] == rows


@pytest.mark.parametrize(
    ("number", "what", "shown"), ROWS, ids=[row[0] for row in ROWS]
)
def test_a_row_names_tests_or_says_what_is_missing(
    number: str, what: str, shown: str
) -> None:
    named = re.findall(r"`(test_\w+)`", shown)

    assert what.strip()
    assert named or re.search(r"not tested yet|not here: ", shown), number


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))

    assert not named - TESTS
