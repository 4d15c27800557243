"""Jobs that may be what killed their processes begin one after the other.

A job that kills its process takes down all that runs beside it, and all of these come
back together: each is found as often as the one that is to blame. So what has come
back twice begins alone among its like, and Redis is told which one it is. If the
process dies now, that one is given up, and no other.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio
from redis.exceptions import ResponseError

from kiq_trio._store.fetching import Delivery
from kiq_trio._store.suspecting import suspect
from kiq_trio._wire.client import Redis
from kiq_trio.job import Job

logger = logging.getLogger("kiq_trio.consumer")

POISON_LIMIT = 3
"""Found so often in a grave, a job that was suspected is given up."""
STAMPS = "kiq_recovered"
"""The field that says when it was found there."""
HEAD_START = 10.0
"""For so many seconds the next one waits for the one before to end. What kills its
process does so soon, and a job that takes long must not keep all others waiting."""


def is_suspect(job: Job) -> bool:
    """Whether *job* would be given up if its process died under it once more."""
    stamps = job.rest.get(STAMPS)
    return isinstance(stamps, list) and len(stamps) >= POISON_LIMIT - 1


@attrs.define(eq=False)
class Suspects:
    """Lets suspects of this process begin, one after the other.

    Attributes:
        redis: where it is said which one it is.
    """

    redis: Redis
    _line: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    _until: float = attrs.field(default=float("-inf"), init=False)
    _number: int = attrs.field(default=0, init=False)

    @asynccontextmanager
    async def turn(self, delivery: Delivery) -> AsyncIterator[bool]:
        """Wait until *delivery* may begin; false inside if it is not ours any more."""
        async with self._line:
            with trio.move_on_at(self._until):
                await self._ended.wait()
            is_ours = await self._suspect(delivery)
            ended = self._ended = trio.Event()
            self._until = trio.current_time() + HEAD_START
        try:
            yield is_ours
        finally:
            ended.set()

    async def _suspect(self, delivery: Delivery) -> bool:
        self._number += 1
        try:
            return await suspect(self.redis, delivery, self._number)
        except ResponseError as error:
            # It runs as others do; the worst is that it comes back more often.
            logger.error("Redis will not hear what is suspected: %s", error)
            return True
