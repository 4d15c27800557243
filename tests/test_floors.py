"""The house is built in floors: what is below knows nothing of what is above."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "kiq_trio"

FLOORS: dict[str, int] = {
    "_version": 0,
    "_background": 0,
    "_printing": 0,
    "errors": 0,
    "_checks": 1,
    "_conversions": 1,
    "_crontab_fields": 1,
    "_fields": 1,
    "_faults": 1,
    "_own_faults": 1,
    "_plan": 1,
    "_keeping": 1,
    "_mending": 1,
    "_repush": 1,
    "_cutting": 1,
    "_sayings": 1,
    "_wall_clock": 1,
    "_hints": 1,
    "_unwrapping": 1,
    "config": 1,
    "converter": 1,
    "crontab": 1,
    "current": 1,
    "encoder": 1,
    "events": 1,
    "job": 1,
    "middleware": 1,
    "options": 1,
    "periodic": 1,
    "queue": 1,
    "reporter": 1,
    "spans": 1,
    "stats": 1,
    "timing": 1,
    "verdicts": 1,
    "unique": 1,
    "worker": 1,
    "worker_class": 1,
    "_wire": 2,
    "_store": 3,
    "_pipeline": 4,
    "_reporters": 4,
    "_clients": 5,
    "_services": 5,
    "_stop": 6,
    "_plant": 6,
    "_duties": 6,
    "_house": 6,
    "_opened": 6,
    "_layers": 6,
    "_configured": 6,
    "_enqueuing": 6,
    "_leading": 6,
    "_listening": 6,
    "_locking": 6,
    "_queueing": 6,
    "_steering": 6,
    "_sandbox": 6,
    "_sandboxing": 6,
    "api": 6,
    "clients": 6,
    "kiq": 6,
    "__init__": 7,
    "__main__": 8,
    "cli": 8,
    "opentelemetry": 7,
    "prometheus": 7,
    "testing": 7,
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: Path) -> str:
    first = module.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            # `from kiq_trio import encoder` names a room, not the front door.
            rooms = [alias.name for alias in node.names if alias.name in FLOORS]
            yield f"{module}.{rooms[0]}" if module == "kiq_trio" and rooms else module


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_only_from_its_own_floor_and_below(module: Path) -> None:
    own = FLOORS[room_of(module)]

    for name in imports(ast.parse(module.read_text())):
        if name.split(".")[0] != "kiq_trio":
            continue
        room = [*name.split("."), "__init__"][1]
        assert FLOORS[room] <= own, f"{module.name} looks up to {name}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_function_hides_an_import(module: Path) -> None:
    tree = ast.parse(module.read_text())

    hidden = [
        f"line {inner.lineno}"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(function)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert hidden == []


def test_importing_us_brings_only_what_every_process_needs() -> None:
    command = [sys.executable, "-c", "import sys, kiq_trio; print(*sys.modules)"]

    names = subprocess.check_output(command, cwd=PACKAGE.parent, text=True)

    packages = {name.partition(".")[0] for name in names.split()}
    assert packages.isdisjoint({"fakeredis", "lupa", "valkey", "rich", "typer"})
    assert "redis" in packages


def test_only_one_module_knows_the_private_names_of_redis() -> None:
    private = [
        (module.name, name)
        for module in MODULES
        for name in imports(ast.parse(module.read_text()))
        if name.split(".")[0] == "redis" and "._" in name
    ]

    assert {name for name, _ in private} <= {"_redispy.py"}


def test_no_room_is_left_off_the_plan() -> None:
    rooms = {room_of(module) for module in MODULES}

    assert rooms <= set(FLOORS)
