"""Cutting long lists into what one script should be given."""

from collections.abc import Sequence
from typing import TypeVar

from kiq_trio._store.keys import queue_key, unique_key

Item = TypeVar("Item")

PAGE = 200
"""How many jobs a script moves: well below Lua's limits, and a few milliseconds."""


def pages(items: Sequence[Item], size: int = PAGE) -> list[Sequence[Item]]:
    """Return *items* in their order, in pieces of at most *size*."""
    return [items[start : start + size] for start in range(0, len(items), size)]


class Keys:
    """The keys of a call that moves jobs: some fixed ones, then queues and locks."""

    def __init__(self, *fixed: str) -> None:
        self.names = list(fixed)
        self._places: dict[str, int] = {}

    def place_of(self, queue: str) -> int:
        """Return where in KEYS, counted from 1, the script finds *queue*."""
        return self._place(queue_key(queue))

    def place_of_lock(self, token: str | None) -> int:
        """Return where in KEYS the script finds the lock *token*; 0 is no lock."""
        return 0 if token is None else self._place(unique_key(token))

    def _place(self, key: str) -> int:
        if key not in self._places:
            self.names.append(key)
            self._places[key] = len(self.names)
        return self._places[key]
