"""Starter files: a worker, a supervisor, a reporter.

What is written passes `ruff format` and `mypy --strict`, so that a program which
keeps to them stays clean.
"""

import keyword
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import attrs

from kiq_trio.cli.templates import REPORTER, SUPERVISOR, WORKER
from kiq_trio.errors import ConfigError
from kiq_trio.options import make_options

_LINE = 88
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LONGEST = 50
# What the files that are written import, or call themselves.
_IMPORTED = frozenset(
    {
        "Aborted",
        "Failed",
        "Interrupted",
        "Job",
        "Kiq",
        "Reporter",
        "Snoozed",
        "Succeeded",
        "worker",
    }
)


@attrs.frozen
class Name:
    """The dotted name of what is generated: `app.workers.SendWelcome`.

    Attributes:
        package: the parts before the last.
        given: the last part, as it was given.
    """

    package: tuple[str, ...]
    given: str

    @classmethod
    def read(cls, text: str, *, is_module: bool = False) -> Self:
        """Read a dotted name.

        Args:
            text: the name.
            is_module: it is that of a module alone, and of nothing in it.

        Raises:
            ConfigError: a part of it is no name in Python, or it would hide what
                the file imports.
        """
        *package, given = text.split(".")
        for part in (*package, given):
            if not part.isidentifier() or keyword.iskeyword(part):
                raise ConfigError(
                    f"{text!r} is not a dotted name such as app.workers.send_welcome"
                )
        name = cls(tuple(package), given)
        if len(name.snake) > _LONGEST:
            raise ConfigError(f"{name.snake!r} is longer than {_LONGEST} characters")
        hides = not is_module and {name.snake, name.camel} & _IMPORTED
        if keyword.iskeyword(name.snake) or hides:
            raise ConfigError(f"{given!r} has a meaning of its own: call it otherwise")
        return name

    @property
    def snake(self) -> str:
        """The last part, as modules and functions are called."""
        words = re.sub(
            r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", self.given
        )
        return words.lower()

    @property
    def camel(self) -> str:
        """The last part, as classes are called."""
        return "".join(word[:1].upper() + word[1:] for word in self.given.split("_"))

    @property
    def module(self) -> str:
        """The module that it is put into."""
        return ".".join((*self.package, self.snake))

    @property
    def path(self) -> Path:
        """The file of that module."""
        return Path(*self.package, f"{self.snake}.py")


def write_worker(
    name: Name, *, queue: str | None, retry: int | None, dead: bool
) -> str:
    """Return a module with a worker.

    Raises:
        ConfigError: an option of the worker cannot work.
    """
    options: dict[str, str | int | bool] = {}
    if name.given != name.snake:
        options["name"] = name.given
    if queue is not None:
        options["queue"] = queue
    if retry is not None:
        options["retry"] = retry
    if not dead:
        options["dead"] = False
    # The same checks as when the module is imported.
    make_options({name: given for name, given in options.items() if name != "name"})
    return WORKER.format(
        decorator=_call("@worker", options), function=name.snake, class_=name.given
    )


def write_supervisor(name: Name, queues: Mapping[str, int]) -> str:
    """Return a module with a `Kiq`."""
    rows = [f'        "{queue}": {size},\n' for queue, size in queues.items()]
    return SUPERVISOR.format(module=name.module, queues="".join(rows))


def write_reporter(name: Name) -> str:
    """Return a module with a reporter."""
    return REPORTER.format(class_=name.camel)


def _call(function: str, options: Mapping[str, object]) -> str:
    """Return a call, its lines broken as `ruff format` does."""
    given = [f"{name}={_literal(value)}" for name, value in options.items()]
    line = f"{function}({', '.join(given)})"
    if len(line) <= _LINE:
        return line
    inner = f"    {', '.join(given)}"
    if len(inner) > _LINE:
        inner = "\n".join(f"    {one}," for one in given)
    return f"{function}(\n{inner}\n)"


def _literal(value: object) -> str:
    # Texts are names, which hold neither quotes nor backslashes.
    return f'"{value}"' if isinstance(value, str) else repr(value)


def save(text: str, path: Path, *, force: bool) -> None:
    """Write a file, and the folders that it is in.

    Raises:
        ConfigError: it is there already, and *force* was not given.
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} is there already; --force overwrites it") from None


def read_queues(given: Sequence[str]) -> dict[str, int]:
    """Return queues of the form `name` or `name=concurrency`.

    Raises:
        ConfigError: a concurrency is no number.
    """
    queues: dict[str, int] = {}
    for one in given or ("default",):
        name, equals, size = one.partition("=")
        if equals and not (size.isascii() and size.isdecimal()):
            raise ConfigError(
                f"--queue {one}: the concurrency must be a whole number of 1 or more"
            )
        queues[name] = int(size) if equals else _CONCURRENCY
    return queues


_CONCURRENCY = 25
