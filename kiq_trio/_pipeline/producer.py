"""Fetches jobs from one queue, exactly as many as there is room for."""

import logging
from collections.abc import Callable
from typing import TypeAlias

import attrs
import trio
from redis.exceptions import RedisError, ResponseError
from trio_util import move_on_when

from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.settler import Settler
from kiq_trio._pipeline.slots import Slots
from kiq_trio._store.fetching import MOST_JOBS, Delivery, fetch
from kiq_trio._store.settling import Requeue
from kiq_trio._store.waiting import wait_for_work
from kiq_trio._wire.client import Redis
from kiq_trio.errors import FencedError, QueuePausedError

logger = logging.getLogger("kiq_trio.producer")

_SHIELD = 1.0
_JITTER = 0.02
_PAUSE_INTERVAL = 2.0

Take: TypeAlias = Callable[[list[Delivery]], None]


@attrs.define(eq=False)
class Producer:
    """Feeds the consumers of one queue.

    Attributes:
        redis: where the queue is.
        queue: its name.
        slots: the way to the consumers.
        settler: the way back to the queue.
        lease: the identity under which we hold jobs.
        can_wait: whether a connection may be spent on waiting for jobs.
        interval: seconds between looks at an empty queue, where it may not.
        wait: seconds that one wait lasts.
        random: returns chance, from 0 up to 1.
        watch: returns an event that is set when queues are paused or go on, if the
            server can tell.
    """

    redis: Redis
    queue: str
    slots: Slots
    settler: Settler
    lease: Lease
    can_wait: bool
    interval: float
    wait: float
    random: Callable[[], float]
    watch: Callable[[], trio.Event] = trio.Event
    _resumed: trio.Event = attrs.field(init=False)
    _call: int = attrs.field(default=1, init=False)
    _limit: int = attrs.field(default=0, init=False)
    _complaints: Complaints = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._resumed = self.watch()
        self._complaints = Complaints(
            logger,
            f"nothing is taken from {self.queue}",
            f"jobs of {self.queue} are taken again",
        )

    async def run(self) -> None:
        """Fetch whenever we may, for ever."""
        may_fetch = self.lease.may_fetch
        while True:
            await may_fetch.wait_value(True)  # noqa: FBT003 - trio_util's own.
            async with move_on_when(may_fetch.wait_value, False):  # noqa: FBT003
                await self._produce()
            async with move_on_when(may_fetch.wait_value, True):  # noqa: FBT003
                await self.hand_back()

    async def hand_back(self) -> None:
        """Put back what a call has taken that was given up before its answer.

        It is in our backup, and we live: nobody else would ever look there.
        """
        while self._limit:
            await self._try_fetch(self._limit, self._requeue)

    async def _produce(self) -> None:
        woken = False
        while True:
            # A slot is one idle consumer. We hold a slot before we take a job, so
            # no job waits in our memory while another process could run it.
            room = await self.slots.wait_free()
            if not self.lease.may_fetch.value:
                # Whoever watches that has not had its turn yet: it ends us.
                await trio.sleep_forever()
            found = await self._try_fetch(min(room, MOST_JOBS), self._hand_over)
            if found == 0:
                if woken:
                    # One push wakes everybody who waits, and only one finds it.
                    await trio.sleep(self.random() * _JITTER)
                woken = await self._wait_for_work()
            else:
                woken = False

    async def _try_fetch(self, limit: int, take: Take) -> int | None:
        """Fetch, or wait a while where Redis does not let us; return how many."""
        try:
            found = await self._fetch(limit, take)
        except FencedError:
            # Presence will find out why, and close or reopen us. What this call
            # may have taken, the others give back.
            self._conclude()
            await trio.sleep(self.interval)
        except QueuePausedError:
            # This number is used up: repeated, it would find an empty queue.
            self._conclude()
            await self._wait_resumed()
        except ResponseError as error:
            # Its key is no list, or we may not touch it: no other queue suffers.
            self._complaints.make(error)
            await trio.sleep(_PAUSE_INTERVAL)
        else:
            if found is not None:
                self._complaints.withdraw()
            return found
        return None

    async def _wait_resumed(self) -> None:
        """Wait a while, or until we are told that the queue may go on."""
        if self._resumed.is_set():
            # It may have gone on before we asked to be told anew: look once more.
            self._resumed = self.watch()
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_after(self.wait):
            await self._resumed.wait()

    async def _fetch(self, limit: int, take: Take) -> int | None:
        """Fetch and let *take* have it; return how many, None if that is not known.

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
            take(jobs)
            return len(jobs)
        await trio.lowlevel.checkpoint()
        return None

    def _hand_over(self, jobs: list[Delivery]) -> None:
        self.slots.hand_over(jobs)
        # With fewer consumers than when we asked, others shall have the rest.
        self._requeue(self.slots.take_excess())

    def _requeue(self, jobs: list[Delivery]) -> None:
        for delivery in jobs:
            self.settler.add(delivery, Requeue())

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
