"""Reading replies whose shape differs between versions of Redis' protocol."""

import math
from collections.abc import Iterable
from contextlib import suppress
from typing import Any


def read_pairs(reply: Any) -> list[tuple[bytes, bytes]]:
    """Return the fields and values of a hash: flat in RESP2, a map in RESP3."""
    if isinstance(reply, dict):
        return list(reply.items())
    return list(zip(reply[::2], reply[1::2], strict=True))


def read_names(reply: Iterable[bytes]) -> list[str]:
    """Return the names in *reply* without those that are none of ours or Sidekiq's.

    All of these are UTF-8. What else a hand has put among them harms nobody so.
    """
    names: list[str] = []
    for raw in reply:
        with suppress(UnicodeDecodeError):
            names.append(raw.decode())
    return names


def read_scores(reply: Any) -> list[tuple[bytes, float]]:
    """Return members and scores: flat text in RESP2, pairs with doubles in RESP3."""
    flat: Iterable[Any] = reply
    if reply and isinstance(reply[0], list):
        flat = [part for pair in reply for part in pair]
    parts = list(flat)
    return [
        (member, float(score))
        for member, score in zip(parts[::2], parts[1::2], strict=True)
    ]


def read_number(reply: Any) -> int:
    """Return a counter as Ruby reads it: what is no number counts nothing."""
    try:
        return int(reply or 0)
    except ValueError:
        return 0


def read_float(value: Any) -> float:
    """Return a number that anybody may have written; what is none counts nothing.

    Nor does one without an end, or one so large that it is no time or size of anything.
    """
    try:
        number = float(value or 0)
    except (OverflowError, TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) else 0.0


def read_moment(reply: Any) -> float:
    """Return what TIME answers as epoch seconds."""
    seconds, micros = reply
    return int(seconds) + int(micros) / 1_000_000
