"""Going through records: one by one, or page by page."""

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, Self, TypeVar

import trio

from kiq_trio._store.browsing import Placed, read_page
from kiq_trio._store.popping import Pop
from kiq_trio._store.walking import Sift, Walk
from kiq_trio._wire.client import Redis
from kiq_trio.errors import ConfigError

R = TypeVar("R")


class _Source(Protocol[R]):
    """Gives pages, one after the other."""

    async def __anext__(self) -> list[R]: ...


class Pages(Generic[R]):
    """Records in lists of a few hundred, each read in one round trip.

    It may be left whenever you like: there is nothing to be closed.
    """

    def __init__(
        self, source: Walk | Sift | Pop, make: Callable[[Placed, float], R]
    ) -> None:
        self._source = source
        self._make = make

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[R]:
        page = await anext(self._source)
        return [self._make(one, self._source.seen_at) for one in page]


async def read_slice(redis: Redis, place: str, skip: int, limit: int) -> list[Placed]:
    """Return *limit* jobs of *place* after the first *skip*.

    Raises:
        ConfigError: there is no such number of jobs.
    """
    for name, given in (("skip", skip), ("limit", limit)):
        if type(given) is not int or given < 0:
            raise ConfigError(
                f"{name} must be a whole number of 0 or more, got {given!r}"
            )
    return await read_page(redis, place, skip=skip, limit=limit)


class Once(Generic[R]):
    """Records of which there are few: one page with all of them."""

    def __init__(self, read: Callable[[], Awaitable[list[R]]]) -> None:
        self._read = read
        self._is_over = False

    async def __anext__(self) -> list[R]:
        if self._is_over:
            raise StopAsyncIteration
        self._is_over = True
        return await self._read()


class Each(Generic[R]):
    """Records one by one, read in pages.

    It may be left whenever you like: there is nothing to be closed.
    """

    def __init__(self, pages: _Source[R]) -> None:
        self._pages = pages
        self._page: list[R] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._page:
            self._page = (await anext(self._pages))[::-1]
        return self._page.pop()
