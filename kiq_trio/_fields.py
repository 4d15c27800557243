"""Fields of payloads, read as leniently as Sidekiq reads them (wire.md §1.1, §1.3)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

SIDEKIQS = (8, 7, 6)
"""The Sidekiqs that we can be told to write for."""

WriteTime: TypeAlias = Callable[[float], float]
"""Makes of epoch seconds what stands in a payload: an int or a float."""

MILLISECONDS_FROM = 10**11
"""Numbers this large are milliseconds; as seconds they would be the year 5138."""

_NEVER = 10**17
"""Milliseconds that are no time at all: anything can stand in a payload."""

MOST_RETRIES = 10_000
"""What a number of retries found in Redis is taken for at most.

Anything can stand there, and the delay before a retry grows with its fourth power.
"""

_COUNT = re.compile(r"[0-9]{1,20}")
_NUMBER = re.compile(r"\d{1,20}(\.\d{1,20})?")
_SPACED_ZONE = re.compile(r" (?=[+-]\d\d:?\d\d$)")


def time_writer(sidekiq: int) -> WriteTime:
    """Return what writes times as that version of Sidekiq does.

    The type is all that tells a reader the unit: since 8 an integer is milliseconds,
    while a float has been seconds ever since. Python writes a float with a fraction,
    be it `.0`.
    """
    return to_ms if sidekiq >= 8 else float


def to_ms(seconds: float) -> int:
    """Return epoch seconds as Sidekiq 8 writes times: whole milliseconds.

    So we write what only we read, whatever the Sidekiq.
    """
    return int(seconds * 1000)


def read_time(value: Any) -> float | None:
    """Return a time of any Sidekiq as epoch seconds; None if it is none."""
    if type(value) is str:
        return _read_text(value)
    if type(value) is not int and type(value) is not float:
        return None
    if not -_NEVER < value < _NEVER:
        return None
    return value / 1000 if value >= MILLISECONDS_FROM else float(value)


def _read_text(text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        return read_time(float(text))
    # Ruby's own spelling is no ISO: "2013-07-29 03:26:41 UTC", or "… +0200".
    text = _SPACED_ZONE.sub("", text.strip())
    if text.endswith(" UTC"):
        text = text[:-4] + "Z"
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except ValueError:
        return None


def read_retry(value: Any) -> bool | int | None:
    """Return how often a job may be retried, by what its payload says."""
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        return min(max(value, 0), MOST_RETRIES)
    # Sidekiq takes anything else for its default, "5" and, in Ruby, "" as well.
    return True


def read_count(value: Any) -> int | None:
    """Return how often a job was retried, by what its payload says; None if nothing.

    Whatever its size: who computes with it goes by `MOST_RETRIES`.
    """
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    return int(value) if type(value) is str and _COUNT.fullmatch(value) else None
