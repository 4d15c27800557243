"""Fetches jobs from one queue, exactly as many as there is room for."""

import logging
from collections.abc import Callable

import attrs
import trio
from redis.exceptions import RedisError, ResponseError
from trio_util import move_on_when

from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.slots import Slots
from kiq_trio._store.fetching import MOST_JOBS, fetch
from kiq_trio._store.waiting import wait_for_work
from kiq_trio._wire.client import Redis
from kiq_trio.errors import FencedError, QueuePausedError

logger = logging.getLogger("kiq_trio.producer")

_SHIELD = 1.0
_JITTER = 0.02
_PAUSE_INTERVAL = 2.0


@attrs.define(eq=False)
class Producer:
    """Feeds the consumers of one queue.

    Attributes:
        redis: where the queue is.
        queue: its name.
        slots: the way to the consumers.
        lease: the identity under which we hold jobs.
        can_wait: whether a connection may be spent on waiting for jobs.
        interval: seconds between looks at an empty queue, where it may not.
        wait: seconds that one wait lasts.
        random: returns chance, from 0 up to 1.
    """

    redis: Redis
    queue: str
    slots: Slots
    lease: Lease
    can_wait: bool
    interval: float
    wait: float
    random: Callable[[], float]
    _call: int = attrs.field(default=1, init=False)
    _limit: int = attrs.field(default=0, init=False)
    _is_refused: bool = attrs.field(default=False, init=False)

    async def run(self) -> None:
        """Fetch whenever we may, for ever."""
        while True:
            await self.lease.may_fetch.wait_value(True)  # noqa: FBT003 - trio_util's own.
            async with move_on_when(self.lease.may_fetch.wait_value, False):  # noqa: FBT003
                await self._produce()

    async def _produce(self) -> None:
        woken = False
        while True:
            # A slot is one idle consumer. We hold a slot before we take a job, so
            # no job waits in our memory while another process could run it.
            room = await self.slots.wait_free()
            found = await self._try_fetch(min(room, MOST_JOBS))
            if found == 0:
                if woken:
                    # One push wakes everybody who waits, and only one finds it.
                    await trio.sleep(self.random() * _JITTER)
                woken = await self._wait_for_work()

    async def _try_fetch(self, limit: int) -> int | None:
        """Fetch, or wait a while where Redis does not let us; return how many."""
        try:
            found = await self._fetch(limit)
        except FencedError:
            # Presence will find out why, and close or reopen us.
            await trio.sleep(self.interval)
        except QueuePausedError:
            # This number is used up: repeated, it would find an empty queue.
            self._conclude()
            await trio.sleep(_PAUSE_INTERVAL)
        except ResponseError as error:
            # Its key is no list, or we may not touch it: no other queue suffers.
            if not self._is_refused:
                logger.error("nothing is taken from %s: %s", self.queue, error)
                self._is_refused = True
            await trio.sleep(_PAUSE_INTERVAL)
        else:
            if self._is_refused and found is not None:
                logger.info("jobs of %s are taken again", self.queue)
                self._is_refused = False
            return found
        return None

    async def _fetch(self, limit: int) -> int | None:
        """Fetch and hand over; return how many, None if that is not known.

        The call keeps its number and its limit until we know its answer: the same
        call gets the same jobs again.
        """
        self._limit = self._limit or limit
        # Once Redis has moved jobs to our backup they are ours to hand over;
        # being cancelled in between would strand them there.
        with trio.move_on_after(_SHIELD, shield=True):
            jobs = await fetch(
                self.redis,
                identity=self.lease.identity,
                producer=self.queue,
                call=self._call,
                queue=self.queue,
                limit=self._limit,
            )
            self._conclude()
            self.slots.hand_over(jobs)
            return len(jobs)
        await trio.lowlevel.checkpoint()
        return None

    def _conclude(self) -> None:
        """The call is answered: the next one is another."""
        self._call += 1
        self._limit = 0

    async def _wait_for_work(self) -> bool:
        """Wait until the queue has a job, True, or for a while."""
        if self.can_wait:
            try:
                return await wait_for_work(self.redis, self.queue, timeout=self.wait)
            except (RedisError, OSError) as error:
                logger.debug("cannot wait for %s: %r", self.queue, error)
        await trio.sleep(self.interval * (0.5 + self.random()))
        return False
