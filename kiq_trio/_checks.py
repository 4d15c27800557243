"""Checks of options, each with a sentence for what does not pass."""

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import attrs

from kiq_trio.errors import ConfigError

Check: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def suggest(name: object, known: Iterable[str]) -> str:
    """Return a question that may help whoever wrote *name*, or nothing."""
    near = difflib.get_close_matches(str(name), list(known), n=2)
    if not near:
        return ""
    # Of two that are as near the shorter is meant: `retry` by `retries`.
    best = max(near, key=lambda one: (_likeness(one, str(name)), -len(one)))
    return f"; did you mean {best!r}?"


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(a=one, b=other).ratio()


def listed(name: str, given: Any) -> tuple[Any, ...]:
    """Return what was given for the option *name* as a tuple."""
    # A text is a sequence too, and never what is meant.
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigError(f"{name} must be a list, got {given!r}")
    return tuple(given)


def callbacks(name: str, given: Any) -> tuple[Callable[[], Any], ...]:
    """Return the function, or the functions, given for the option *name*."""
    functions = (given,) if callable(given) else listed(name, given)
    for function in functions:
        if not callable(function):
            raise ConfigError(f"{name} must hold functions, got {function!r}")
    return functions


def instance(kind: type, what: str) -> Check:
    """Check for a *kind*; *what* says what that is."""

    def check(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if not isinstance(value, kind):
            raise ConfigError(f"{attribute.name} must be {what}, got {value!r}")

    return check


def one_of(allowed: Sequence[object]) -> Check:
    """Check for one of some words, or numbers."""

    def check(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        # True is 1 in Python, and no word of ours.
        if isinstance(value, bool) or value not in allowed:
            names = ", ".join(map(repr, allowed))
            raise ConfigError(f"{attribute.name} must be one of {names}, got {value!r}")

    return check


def at_least(low: float, *, whole: bool = False) -> Check:
    """Check for a number, or a whole one, of *low* or more."""
    kind = "a whole number" if whole else "a number"

    def check(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        fits = type(value) is int if whole else type(value) in (int, float)
        if not fits or not low <= value < math.inf:
            raise ConfigError(
                f"{attribute.name} must be {kind} of {low:g} or more, got {value!r}"
            )

    return check


def without_html(_: Any, attribute: "attrs.Attribute[Any]", value: str) -> None:
    """Check a text that Sidekiq's UI prints as it is (wire.md §8.3)."""
    if "<" in value or ">" in value:
        raise ConfigError(
            f"{attribute.name} must be text without < and >, got {value!r}"
        )
