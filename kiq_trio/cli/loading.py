"""Finds the `Kiq` that a command line names."""

import importlib
import inspect
import os
import sys
from types import ModuleType
from typing import Any

from kiq_trio.errors import ConfigError
from kiq_trio.kiq import Kiq
from kiq_trio.worker import FunctionWorker

DEFAULT_ATTRIBUTE = "kiq"


def load_kiq(target: str) -> Kiq:
    """Return the `Kiq` at *target*, `module:attribute`, making it if need be.

    The attribute may be one, a subclass of it, or a function that makes one.

    Modules are looked for in the current directory first, as `python -m` does.

    Raises:
        ConfigError: there is none; if a module or function of the user's raised,
            the error is its cause.
    """
    name, _, attribute = target.partition(":")
    attribute = attribute or DEFAULT_ATTRIBUTE
    module = _import(name)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{name} has no {attribute!r}{_hint(module)}")
        found = getattr(found, part)
    return _make(found, f"{name}:{attribute}")


def _import(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(
            f"{name!r} is not the name of a module: give it as "
            "package.module:attribute, without .py"
        )
    here = os.getcwd()  # noqa: PTH109 - sys.path holds strings.
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only a part of the name itself: what it imports may be missing as well.
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"there is no module {error.name!r} in {here} or on the Python path"
            ) from None
        raise ConfigError(f"{name} cannot be imported: {error}") from error
    except Exception as error:
        raise ConfigError(f"{name} cannot be imported: {error!r}") from error


def _make(found: Any, where: str) -> Kiq:
    if callable(found) and not isinstance(found, FunctionWorker):
        found = _call(found, where)
        where += "()"
    if not isinstance(found, Kiq):
        raise ConfigError(f"{where} is no Kiq, but {found!r}")
    return found


def _call(function: Any, where: str) -> Any:
    if inspect.iscoroutinefunction(function):
        raise ConfigError(f"{where} is async; it must be a plain function")
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where} must take no arguments: {error}") from None
    try:
        return function()
    except Exception as error:
        raise ConfigError(f"{where}() raised {error!r}") from error


def _hint(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if _is_kiq(value)]
    return f"; it has a Kiq called {', '.join(map(repr, names))}" if names else ""


def _is_kiq(value: Any) -> bool:
    if isinstance(value, type):
        return issubclass(value, Kiq) and value is not Kiq
    return isinstance(value, Kiq)
