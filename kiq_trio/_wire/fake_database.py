"""What the connections to one in-process Redis share: data, scripts, waiters, time."""

import heapq
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import trio
from fakeredis._core import Database, FakeServer

VERSION = (7, 2, 0)
"""What we claim to be: no newer than what kiq_trio asks of a real server."""


class Parked(Protocol):
    """A connection that is held by a blocking command."""

    def retry(self) -> None:
        """Try the command once more, after something was written."""
        ...


class MemoryState(FakeServer):
    """One Redis: its databases, its scripts, and who waits on it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(version=VERSION)
        self.dbs = defaultdict(lambda: _Database(self))
        self.parked: list[Parked] = []
        self.was_written = False
        self._clock = clock
        self._is_serving = False
        # Weakly: who has stopped waiting need not say so.
        self._watchers: WeakKeyDictionary[trio.Event, frozenset[bytes]] = (
            WeakKeyDictionary()
        )
        self.tick()

    def tick(self) -> None:
        """Look at the clock; a command then sees one and the same time throughout."""
        self.now = self._clock()

    def watch(self, keys: frozenset[bytes]) -> trio.Event:
        """Return an event that is set when one of *keys* is written to next."""
        event = trio.Event()
        self._watchers[event] = keys
        return event

    def tell_watchers(self, key: bytes) -> None:
        """Somebody has written to *key*."""
        for event, keys in tuple(self._watchers.items()):
            if key in keys:
                event.set()
                del self._watchers[event]

    def serve_parked(self) -> None:
        """Let what was just written wake the blocked, first come, first served.

        Called between commands, never within one: like Redis, a transaction or a
        script that pushes and pops again wakes nobody.
        """
        if self._is_serving:
            return
        self._is_serving = True
        try:
            while self.was_written:
                self.was_written = False
                for parked in tuple(self.parked):
                    parked.retry()
        finally:
            self._is_serving = False


class _Database(Database):
    """Keys that expire by our clock, to the millisecond as in Redis."""

    def __init__(self, state: MemoryState) -> None:
        # The parent's __init__ sets `time`, which asks for the state.
        self._state = state
        super().__init__(state.lock)

    @property
    def time(self) -> float:
        return self._state.now

    @time.setter
    def time(self, _: float) -> None:
        # fakeredis sets the time of day here before each command: not our time.
        pass

    def notify_watch(self, key: bytes) -> None:
        super().notify_watch(key)
        self._state.tell_watchers(key)

    def wake_all(self) -> None:
        # Called in the middle of a command; who is blocked is served after it.
        self._state.was_written = True

    def schedule_expiry(self, key: bytes, expireat: float | None) -> None:
        if expireat is not None and _ms(expireat) <= _ms(self._state.now):
            # A time that has come is a deletion; reads leave the rest of this
            # millisecond to a key whose time came later.
            self._dict.pop(key, None)
        else:
            super().schedule_expiry(key, expireat)

    def expired(self, item: Any) -> bool:
        return item.expireat is not None and self._is_past(item.expireat)

    def _remove_expired(self) -> None:
        # The parent compares floats here: an entry could then leave the heap in
        # the same millisecond in which `expired` still keeps its key.
        heap = self._expiry_heap
        while heap and self._is_past(heap[0][0]):
            _, key = heapq.heappop(heap)
            if key in self._dict and self.expired(self._dict[key]):
                del self._dict[key]

    def _is_past(self, moment: float) -> bool:
        return _ms(moment) < _ms(self._state.now)


def _ms(moment: float) -> int:
    return round(moment * 1000)
