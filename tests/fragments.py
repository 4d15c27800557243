"""The Python in the documentation: programs with their output, and fragments.

A block of `python` that is followed by a block of `text` is a program, and the text
is what it prints. Any other block of `python` is a fragment. Code of other systems
stands in blocks of `py`, which look the same.
"""

import ast
import builtins
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

import kiq_trio
from kiq_trio import api
from kiq_trio.config import OPTIONS as OF_A_KIQ
from kiq_trio.options import OPTIONS as OF_A_WORKER

_LINES = r"((?:(?!```).*\n)*)```\n"
_CODE = rf"^```python\n{_LINES}"
PROGRAM = re.compile(rf"{_CODE}\n```text\n{_LINES}", re.MULTILINE)
FRAGMENT = re.compile(rf"{_CODE}(?!\n```text\n)", re.MULTILINE)
_ANY_CODE = re.compile(rf"{_CODE}|^```{{literalinclude}} (\S+\.py)$", re.MULTILINE)

GIVEN = frozenset(
    [
        "kiq",
        "kiq_sandbox",
        "welcome",
        "remind",
        "trio",
        "datetime",
        "timedelta",
        "UTC",
        "attrs",
        "pytest",
    ]
)
"""Names that a fragment may take for known, beside those of kiq_trio.

`welcome` and `remind` are the two workers that the guides speak of.
"""

# What is taken by name beside the parameters of a signature.
_MORE = {
    "Kiq": OF_A_KIQ,
    "worker": OF_A_WORKER,
    "Worker": (*OF_A_WORKER, "name"),
    "periodic": OF_A_WORKER,
}


@attrs.frozen
class Fragment:
    """A block of Python that is no whole program.

    Attributes:
        code: what it says.
        before: all Python that stands before it on its page.
    """

    code: str
    before: str = ""

    def faults(self) -> list[str]:
        """Return what is wrong with it, as far as that can be seen without running it.

        Raises:
            SyntaxError: it is not Python.
        """
        tree = parse(self.code)
        known = bound_names(parse(self.before)) | bound_names(tree) | GIVEN
        known |= {*dir(builtins), *kiq_trio.__all__}
        missing = [
            f"nobody knows {name}" for name in read_names(tree) if name not in known
        ]
        return [
            *missing,
            *wrong_imports(tree),
            *wrong_attributes(tree),
            *wrong_calls(tree),
        ]


def read_programs(page: Path) -> list[tuple[str, str]]:
    """Return the programs of a page, each with what it prints."""
    return PROGRAM.findall(page.read_text())


def read_fragments(page: Path) -> list[Fragment]:
    """Return the fragments of a page."""
    text = page.read_text()
    return [
        Fragment(found[1], _read_code(text[: found.start()], page.parent))
        for found in FRAGMENT.finditer(text)
    ]


def _read_code(text: str, folder: Path) -> str:
    """Return all Python that *text* shows, that of the files it includes as well."""
    return "\n".join(
        code or (folder / included).read_text()
        for code, included in _ANY_CODE.findall(text)
    )


def parse(code: str) -> ast.Module:
    """Return the tree of *code*, which may await outside of a function."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(code, "fragment", "exec", flags=flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def bound_names(tree: ast.AST) -> set[str]:
    """Return all names that something in *tree* gives a meaning."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                names.add(name)
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                names.add(name)
            case ast.alias(name=name, asname=other):
                names.add(other or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
    return names


def read_names(tree: ast.AST) -> Iterator[str]:
    """Return all names that *tree* reads."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                yield name


def wrong_imports(tree: ast.AST) -> Iterator[str]:
    """Tell what *tree* imports from kiq_trio that is not there."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=aliases) if (
                module.partition(".")[0] == "kiq_trio"
            ):
                there = importlib.import_module(module)
                for alias in aliases:
                    if not hasattr(there, alias.name):
                        yield f"{module} has no {alias.name}"


def wrong_attributes(tree: ast.AST) -> Iterator[str]:
    """Tell what *tree* wants of `kiq`, or of the sandbox, that they do not have."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                there = OWNERS.get(owner)
                if there is not None and not hasattr(there, name):
                    yield f"{owner} has no {name}"


class _Kiq(kiq_trio.Kiq):
    """One that says what its instances have, so that it need not be made."""

    stats: Any = kiq_trio.Stats()
    instrumenter: Any = kiq_trio.Instrumenter()
    config: Any = None


OWNERS: dict[str, Any] = {
    "api": api,
    "kiq": _Kiq,
    "kiq_sandbox": importlib.import_module("kiq_trio.testing").Sandbox,
    "kiq_trio": kiq_trio,
}


def wrong_calls(tree: ast.AST) -> Iterator[str]:
    """Tell what *tree* gives something of kiq_trio that it does not take."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), keywords=given) if (
                name in kiq_trio.__all__
            ):
                yield from _unknown(name, getattr(kiq_trio, name), given)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner), attr=name), keywords=given
            ) if hasattr(OWNERS.get(owner), name):
                yield from _unknown(name, getattr(OWNERS[owner], name), given)
            case ast.ClassDef(bases=[ast.Name(id="Worker")], keywords=given):
                yield from _unknown("Worker", kiq_trio.Worker, given)


def _unknown(name: str, called: Any, given: list[ast.keyword]) -> Iterator[str]:
    parameters = inspect.signature(called).parameters.values()
    known = {one.name for one in parameters} | {*_MORE.get(name, ())}
    takes_all = name not in _MORE and any(
        one.kind is one.VAR_KEYWORD for one in parameters
    )
    for keyword in given:
        if keyword.arg is not None and not takes_all and keyword.arg not in known:
            yield f"{name} takes no {keyword.arg}"
