"""Cutting long lists into what one script should be given."""

from collections.abc import Sequence
from typing import TypeVar

from kiq_trio._store.keys import queue_key

Item = TypeVar("Item")

PAGE = 200
"""How many jobs a script moves: well below Lua's limits, and a few milliseconds."""


def pages(items: Sequence[Item], size: int = PAGE) -> list[Sequence[Item]]:
    """Return *items* in their order, in pieces of at most *size*."""
    return [items[start : start + size] for start in range(0, len(items), size)]


class Keys:
    """The keys of a call that moves jobs to queues: some fixed ones, then queues."""

    def __init__(self, *fixed: str) -> None:
        self.names = list(fixed)
        self._places: dict[str, int] = {}

    def place_of(self, queue: str) -> int:
        """Return where in KEYS, counted from 1, the script finds *queue*."""
        if queue not in self._places:
            self.names.append(queue_key(queue))
            self._places[queue] = len(self.names)
        return self._places[queue]
