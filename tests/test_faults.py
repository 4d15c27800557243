"""Every row of the faults has an entry, and every test that is named is there.

So is every limit of which a test is named.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "faults.md").read_text()
ROWS = re.findall(r"^\| F(\d+) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
LIMITS = (ROOT / "docs" / "limits.md").read_text()
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


@pytest.mark.parametrize("page", [PAGE, LIMITS], ids=["faults", "limits"])
def test_every_test_that_is_named_is_there(page: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", page))

    assert named
    assert not named - TESTS


def test_every_limit_that_a_test_shows_is_told_of() -> None:
    told, _, shown = LIMITS.partition("## Shown by tests")
    limits = re.findall(r"^\| (.+) \| `test_", shown, re.MULTILINE)

    assert len(limits) > 10
    for limit in limits:
        assert f"| **{limit}" in told or f"| {limit} |" in told, limit
