"""Going through the jobs of a place page by page, while others move them.

A place in a list or in a sorted set is known by its number, and numbers change when
a job in front leaves. So each page begins with the last job of the one before: if it
does not, some in front have gone, and we step back until we meet what we know. The
order of jobs never changes, so behind a job that we know nothing is missed.
"""

from collections.abc import Iterable
from typing import Any, Protocol, Self

from kiq_trio._store.browsing import SETS, Placed, make_read, read_reply, read_timed
from kiq_trio._store.doubt import persist, raise_first
from kiq_trio._store.paging import PAGE
from kiq_trio._store.replies import read_moment
from kiq_trio._wire.client import Redis


class _Known(Protocol):
    """Which jobs we have met."""

    def __contains__(self, placed: Placed, /) -> bool: ...
    def add(self, page: Iterable[Placed]) -> None: ...


class Walk:
    """The jobs of a place in pages, in the order in which their turn comes.

    What is there all the time, and keeps its time, is given exactly once, whatever
    others do and whatever is done to the pages. A job that comes meanwhile, or is
    rescheduled, may be given or not, and in a set once for each time that it had. Of
    equal payloads in a queue, which are one job if they have a jid, one is given.

    It may be left at any page: there is nothing to be closed.

    Attributes:
        seen_at: when the last page was read, by the clock of Redis.
    """

    seen_at: float = 0.0

    def __init__(self, redis: Redis, place: str) -> None:
        self._redis = redis
        self._place = place
        self._known: _Known = _ByTime() if place in SETS else _ByPayload()
        self._start = 0
        """Where the last job was that we met."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Placed]:
        step = PAGE
        while True:
            page = await self._read()
            if self._start and (not page or page[0] not in self._known):
                self._start = max(self._start - step, 0)
                step *= 2
                continue
            fresh = [one for one in page if one not in self._known]
            if not fresh and len(page) <= PAGE:
                raise StopAsyncIteration
            self._start += len(page) - 1
            if fresh:
                self._known.add(fresh)
                return fresh

    async def _read(self) -> list[Placed]:
        # One more than a page, since the first is known.
        read = make_read(self._place, skip=self._start, limit=PAGE + 1)
        self.seen_at, page = await read_timed(self._redis, self._place, read)
        return page


class Sift:
    """The jobs of a sorted set whose payload fits a glob, in pages, in no order.

    Redis looks for them, so that the others do not travel. What is there all the time
    is given, maybe twice; a page may be empty. It may be left at any page.

    Attributes:
        seen_at: when the last page was read, by the clock of Redis.
    """

    seen_at: float = 0.0

    def __init__(self, redis: Redis, place: str, glob: str) -> None:
        self._redis = redis
        self._place = place
        self._glob = glob
        self._cursor: Any = 0
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Placed]:
        if self._is_over:
            raise StopAsyncIteration
        scan = ("ZSCAN", self._place, self._cursor, "MATCH", self._glob, "COUNT", PAGE)
        now, reply = raise_first(await persist(self._redis, [("TIME",), scan]))
        self.seen_at = read_moment(now)
        self._cursor, found = reply
        self._is_over = int(self._cursor) == 0
        return read_reply(self._place, found)


class _ByTime:
    """A set is sorted, so the last job that we met tells which we have."""

    def __init__(self) -> None:
        self._last = (float("-inf"), b"")

    def __contains__(self, placed: Placed, /) -> bool:
        return _rank(placed) <= self._last

    def add(self, page: Iterable[Placed]) -> None:
        self._last = max(map(_rank, page))


class _ByPayload:
    """Nothing but the payload tells a queue's jobs apart; 64 bits of it do."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()

    def __contains__(self, placed: Placed, /) -> bool:
        return hash(placed.payload) in self._hashes

    def add(self, page: Iterable[Placed]) -> None:
        self._hashes.update(hash(one.payload) for one in page)


def _rank(placed: Placed) -> tuple[float, bytes]:
    # As Redis sorts: by score, and by bytes where scores are equal.
    assert placed.score is not None
    return placed.score, placed.payload
