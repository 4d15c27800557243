"""Where we write what a page of Sidekiq's UI shows: found in the source, and seen.

A payload that is to be stored is handed to the store as one of a few classes. So the
places that make one are all there are; a test's deeds are watched making them.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import kiq_trio
from kiq_trio._store.burying import Rescued
from kiq_trio._store.enqueueing import Batch
from kiq_trio._store.laying import Laying
from kiq_trio._store.moving import Move
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._store.settling import Kill, Later, Retry
from kiq_trio._store.ticking import NewJob
from kiq_trio._wire.script import Script
from kiq_trio._wire.slot import Argument, Command

CARRIERS: tuple[type, ...] = (Batch, NewJob, Laying, Move, Rescued, Retry, Later, Kill)
"""What the store takes a new payload from. A `Requeue` has none."""

SHOWN_KEYS = ("queue:", "schedule", "retry", "dead")
"""Where pages find payloads, by how their names begin."""

PACKAGE = Path(kiq_trio.__file__).parent


def places_in_source() -> set[str]:
    """Return every place that makes a carrier: module, function, class."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith("kiq_trio._store")
            for alias in node.names
        } | {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        carriers = imported & {one.__name__ for one in CARRIERS}
        for function, call in _calls(tree, ()):
            if isinstance(call.func, ast.Name) and call.func.id in carriers:
                found.add(f"{module}:{'.'.join(function)} {call.func.id}")
    return found


def _calls(
    tree: ast.AST, function: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], ast.Call]]:
    for node in ast.iter_child_nodes(tree):
        inner = function
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = (*function, node.name)
        if isinstance(node, ast.Call):
            yield inner, node
        yield from _calls(node, inner)


def scripts_in_source() -> set[str]:
    """Return every script that has to do with keys in which pages find payloads."""
    found: set[str] = set()
    for script in SCRIPTS:
        rows = re.findall(
            r"^--   KEYS\[\d+\]…?\s+(.+?)  +", script.source, re.MULTILINE
        )
        names = [name for row in rows for name in row.split(" or ")]
        if any(name.startswith(SHOWN_KEYS) for name in names):
            found.add(script.name)
    return found


class Witness:
    """Sees which carriers are made, by whom, and which scripts run.

    Attributes:
        places: as `places_in_source` calls them.
        scripts: by name.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places: set[str] = set()
        self.scripts: set[str] = set()
        for carrier in CARRIERS:
            self._watch(monkeypatch, carrier)
        run = Script.__call__

        def seen(
            script: Script, keys: Sequence[Argument], args: Sequence[Argument]
        ) -> Command:
            self.scripts.add(script.name)
            return run(script, keys, args)

        monkeypatch.setattr(Script, "__call__", seen)

    def _watch(self, monkeypatch: pytest.MonkeyPatch, carrier: type) -> None:
        make: Any = inspect.getattr_static(carrier, "__init__")

        def seen(one: Any, *args: Any, **fields: Any) -> None:
            self._note(sys._getframe(1), carrier)
            make(one, *args, **fields)

        monkeypatch.setattr(carrier, "__init__", seen)

    def _note(self, frame: FrameType, carrier: type) -> None:
        module = frame.f_globals["__name__"]
        # What a test makes, or `attrs.evolve` of what was made before, is no place.
        if module.startswith("kiq_trio."):
            function = frame.f_code.co_qualname.replace(".<locals>", "")
            place = f"{module.removeprefix('kiq_trio.')}:{function}"
            self.places.add(f"{place} {carrier.__name__}")
