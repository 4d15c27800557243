"""Reading replies whose shape differs between versions of Redis' protocol."""

from collections.abc import Iterable
from typing import Any


def read_pairs(reply: Any) -> list[tuple[bytes, bytes]]:
    """Return the fields and values of a hash: flat in RESP2, a map in RESP3."""
    if isinstance(reply, dict):
        return list(reply.items())
    return list(zip(reply[::2], reply[1::2], strict=True))


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
