"""`SECURITY.md` has a row for each check, and each row a test that is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
ROWS = re.findall(r"^\| (S\d+(?:-S\d+)?) \| (.+) \| (.*)\|$", PAGE, re.MULTILINE)


def rows_of(name: str) -> range:
    first, _, last = name.replace("S", "").partition("-")
    return range(int(first), int(last or first) + 1)


def test_every_check_has_a_row_in_its_place() -> None:
    assert [number for name, *_ in ROWS for number in rows_of(name)] == [*range(1, 41)]


def test_every_row_names_tests_that_are_there_or_says_why_not() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"def (test_\w+)\(", sources))
    for name, what, shown in ROWS:
        tests = re.findall(r"`(test_\w+)`", shown)
        assert tests or what.startswith("not here: "), name
        assert set(tests) <= known, (name, set(tests) - known)


def test_every_test_in_here_names_its_check() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name == Path(__file__).name:
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                claim = ast.get_docstring(node) or ""
                is_named = re.match(r"S\d+(, S\d+)*: ", claim)
                assert is_named or not node.name.startswith("test_"), node.name
