"""Fields of payloads, read as leniently as Sidekiq reads them."""

from typing import Any

MILLISECONDS_FROM = 10**11
"""Numbers this large are milliseconds; as seconds they would be the year 5138."""

_NEVER = 10**17
"""Milliseconds that are no time at all: anything can stand in a payload."""


MOST_RETRIES = 10_000
"""What a number of retries found in Redis is taken for at most.

Anything can stand there, and the delay before a retry grows with its fourth power.
"""


def to_ms(seconds: float) -> int:
    """Return epoch seconds as Sidekiq 8 writes times: whole milliseconds."""
    return int(seconds * 1000)


def read_time(value: Any) -> float | None:
    """Return a time of any Sidekiq as epoch seconds (wire.md §1.3)."""
    if type(value) is not int and type(value) is not float:
        return None
    if value > _NEVER:
        return None
    return value / 1000 if value >= MILLISECONDS_FROM else float(value)


def read_retry(value: Any) -> bool | int | None:
    """Return how often a job may be retried, by what its payload says."""
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        return min(max(value, 0), MOST_RETRIES)
    # Sidekiq takes anything else that is true, such as "5", for its default.
    return bool(value)
