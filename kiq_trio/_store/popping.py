"""Emptying a sorted set from its front on, without losing what is on its way out."""

from typing import Self

from kiq_trio._store.browsing import Placed, count_placed, make_read, read_timed
from kiq_trio._store.tending import take_out
from kiq_trio._wire.client import Redis


class Pop:
    """The earliest job of a set, again and again, in pages of one.

    Each is taken out when we come for the next: whoever is cancelled or dies before
    has lost nothing. As many as there are when it begins, at most.

    Attributes:
        seen_at: when the last page was read, by the clock of Redis.
    """

    seen_at: float = 0.0

    def __init__(self, redis: Redis, place: str) -> None:
        self._redis = redis
        self._place = place
        self._left: int | None = None
        self._given: list[Placed] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Placed]:
        await take_out(self._redis, self._given)
        self._given = []
        if self._left is None:
            self._left = await count_placed(self._redis, self._place)
        if self._left == 0:
            raise StopAsyncIteration
        self._left -= 1
        read = make_read(self._place, skip=0, limit=1)
        self.seen_at, self._given = await read_timed(self._redis, self._place, read)
        if not self._given:
            raise StopAsyncIteration
        return self._given
