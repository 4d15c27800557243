"""Everything public is in the reference, and nothing public is without words."""

import inspect
import re
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import kiq_trio
from kiq_trio import api, clients, opentelemetry, prometheus, testing

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reference.md").read_text()
SOURCES = "".join(path.read_text() for path in (ROOT / "kiq_trio").rglob("*.py"))

DOORS = (kiq_trio, testing, clients, api, opentelemetry, prometheus)
FACES = [(module, name) for module in DOORS for name in module.__all__]


def is_ours(method: Any) -> bool:
    """Whether it is not one that `Redis` has from redis-py."""
    inner = method.fget if isinstance(method, property) else inspect.unwrap(method)
    return str(inner.__module__).startswith("kiq_trio")


@pytest.mark.parametrize(("module", "name"), FACES, ids=lambda part: str(part)[-30:])
def test_a_public_name_is_in_the_reference(module: ModuleType, name: str) -> None:
    assert re.search(rf"(?<!\w){re.escape(name)}(?!\w)", PAGE), module


@pytest.mark.parametrize(("module", "name"), FACES, ids=lambda part: str(part)[-30:])
def test_a_public_class_and_each_of_its_methods_is_explained(
    module: ModuleType, name: str
) -> None:
    face = getattr(module, name)
    if not inspect.isclass(face):
        return

    silent = [
        method
        for method, value in inspect.getmembers_static(face)
        if not method.startswith("_")
        and isinstance(value, FunctionType | property | classmethod)
        and is_ours(value)
        and not inspect.getdoc(value)
    ]

    assert inspect.getdoc(face)
    assert silent == []


def test_every_variable_of_the_environment_is_in_the_reference() -> None:
    named = {
        *re.findall(r'envvar="(\w+)"', SOURCES),
        *re.findall(r'environ(?:\.get\(|\[)"(\w+)"', SOURCES),
    }

    assert len(named) > 15
    assert {name for name in named if f"`{name}`" not in PAGE} == set()
