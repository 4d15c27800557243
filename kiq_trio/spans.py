"""Spans of time, which people may give as seconds or as a `timedelta`."""

import math
from datetime import timedelta
from typing import Any, TypeAlias, TypeGuard

Span: TypeAlias = timedelta | float


def to_seconds(span: Any) -> Any:
    """Return a `timedelta` in seconds, whole ones as an integer; others as given."""
    if not isinstance(span, timedelta):
        return span
    seconds = span.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def is_span(value: Any) -> TypeGuard[float]:
    """Whether *value* is a number of seconds that can pass."""
    return type(value) in {int, float} and 0 < value < math.inf
