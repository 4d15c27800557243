"""Spans of time, which people may give as seconds or as a `timedelta`."""

import math
from datetime import timedelta
from typing import Any, TypeAlias, TypeGuard

from kiq_trio.errors import ConfigError

Span: TypeAlias = timedelta | float

FAR = 10 * 365 * 86_400.0
"""Ten years, in seconds: nobody means more."""


def to_seconds(span: Any) -> Any:
    """Return a `timedelta` in seconds, whole ones as an integer; others as given."""
    if not isinstance(span, timedelta):
        return span
    seconds = span.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def is_span(value: Any) -> TypeGuard[float]:
    """Whether *value* is a number of seconds that can pass."""
    return type(value) in {int, float} and 0 < value < math.inf


def check_span(name: str, value: Any) -> float:
    """Return a span of time in seconds, whole ones as an integer.

    Raises:
        ConfigError: it is none, or longer than ten years; *name* is what it is for.
    """
    seconds = to_seconds(value)
    if type(seconds) not in {int, float}:
        raise ConfigError(f"{name} must be seconds or a timedelta, got {value!r}")
    if not 0 < seconds <= FAR:
        raise ConfigError(
            f"{name} must be more than 0 s and at most ten years, got {value!r}"
        )
    span: float = seconds
    return span
