"""Fetches jobs from one queue, exactly as many as there is room for."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs
import trio
from redis.exceptions import ResponseError
from trio_util import move_on_when

from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.ride import Ride
from kiq_trio._pipeline.runs import Run
from kiq_trio._pipeline.settler import Settler
from kiq_trio._pipeline.slots import Slots
from kiq_trio._store.fetching import Delivery, fetch
from kiq_trio._store.waiting import wait_and_fetch
from kiq_trio._wire.client import Redis
from kiq_trio._wire.supervisor import OUTAGES
from kiq_trio.errors import FencedError, QueuePausedError

logger = logging.getLogger("kiq_trio.producer")

_AHEAD = 2
"""How many jobs a fetch may take that waits in Redis: if our event loop is blocked
when they come, they wait for it while other processes could run them. One more than
a lone job, so that its answer says that the queue is empty again."""
_MOST = 100
"""How many jobs a fetch takes at most. If it may take 1,000, and so many consumers have
jobs that never suspend, each costs 11.3 instead of 9.6 us: with so many objects at once
Python looks for garbage among them, again and again."""
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
    _ride: Ride = attrs.field(init=False)
    _complaints: Complaints = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._resumed = self.watch()
        self._ride = Ride(self.redis, self.settler)
        self._complaints = Complaints(
            logger,
            f"nothing is taken from {self.queue}",
            f"jobs of {self.queue} are taken again",
        )

    @property
    def call(self) -> int:
        """The number of the next call, or of one whose answer we do not know yet."""
        return self._call

    async def run(self) -> None:
        """Fetch whenever we may, for ever."""
        may_fetch = self.lease.may_fetch
        while True:
            await may_fetch.wait_value(True)  # noqa: FBT003 - trio_util's own.
            try:
                async with move_on_when(may_fetch.wait_value, False):  # noqa: FBT003
                    await self._produce()
            finally:
                # No fetch of ours leaves soon, to take along what was held for it.
                self.settler.hurry()
            async with move_on_when(may_fetch.wait_value, True):  # noqa: FBT003
                await self.hand_back()

    async def hand_back(self) -> None:
        """Put back what a call has taken that was given up before its answer.

        It is in our backup, and we live: nobody else would ever look there.
        """
        while self._limit:
            await self._try(self._fetch(self._limit, self._requeue))

    async def _produce(self) -> None:
        is_empty = False
        while True:
            if not is_empty:
                # What ends at once goes along with our next fetch.
                self.settler.hold()
            await self._let_consumers_begin()
            if self.slots.free <= 0:
                self.settler.hurry()
            # A slot is one idle consumer. We hold a slot before we take a job, so
            # no job waits in our memory while another process could run it.
            room = await self.slots.wait_free()
            if not self.lease.may_fetch.value:
                # Whoever watches that has not had its turn yet: it ends us.
                await trio.sleep_forever()
            if is_empty:
                is_empty = await self._try(self._wait(min(room, _AHEAD)))
            else:
                limit = min(room, _MOST)
                is_empty = await self._try(self._fetch(limit, self._hand_over))

    async def _try(self, fetching: Awaitable[bool]) -> bool:
        """Let it fetch, and rest a while where Redis does not let us.

        Return whether the queue is empty now, as far as we know.
        """
        try:
            is_empty = await fetching
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
            if not self._limit:
                self._complaints.withdraw()
            return is_empty
        return False

    async def _wait_resumed(self) -> None:
        """Wait a while, or until we are told that the queue may go on."""
        if self._resumed.is_set():
            # It may have gone on before we asked to be told anew: look once more.
            self._resumed = self.watch()
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_after(self.wait):
            await self._resumed.wait()

    async def _fetch(self, limit: int, take: Take) -> bool:
        """Fetch and let *take* have it; return whether there was room for more.

        The call keeps its number and its limit until we know its answer: the same
        call gets the same jobs again. So if we are cancelled in here, `hand_back`
        finds out what it has taken. A shield would cost every fetch 10 µs instead.
        """
        limit = self._limit = self._limit or limit
        jobs = await fetch(
            self._ride,
            identity=self.lease.identity,
            producer=self.queue,
            call=self._call,
            queue=self.queue,
            limit=limit,
        )
        self._conclude()
        take(jobs)
        return len(jobs) < limit

    async def _wait(self, limit: int) -> bool:
        """Wait for a while, or until the queue has jobs, and then fetch up to *limit*.

        Return whether there was room for more. The fetch is a call as any other. A
        line that dies may leave it behind in Redis, to run when the wait is over; we
        make it again before the next, and by its number the one left behind then
        finds out that it is late.
        """
        if not self.can_wait:
            await self._rest()
            return False
        self._limit = limit
        try:
            catch = await wait_and_fetch(
                self.redis,
                timeout=self.wait,
                identity=self.lease.identity,
                producer=self.queue,
                call=self._call,
                queue=self.queue,
                limit=limit,
            )
        except OUTAGES as error:
            # What it may have taken, the same call will bring.
            logger.debug("cannot wait for %s: %r", self.queue, error)
            await self._rest()
            return False
        self._conclude()
        if self.lease.may_fetch.value:
            self._hand_over(catch.jobs)
        else:
            # They came after we were told to take no more, but before Redis knew.
            self._requeue(catch.jobs)
        if catch.error is not None:
            logger.debug("cannot wait for %s: %r", self.queue, catch.error)
            await self._rest()
        elif catch.was_woken and not catch.jobs:
            # One push wakes everybody who waits, and only one finds it.
            await trio.sleep(self.random() * _JITTER)
        return len(catch.jobs) < limit

    async def _let_consumers_begin(self) -> None:
        """Give way to whoever has got a job just now: nothing is in a hurry here.

        Woken, a consumer runs in the next tick, as we would: so ours is the one
        after it. By then jobs that never suspend are done with, and one fetch brings
        what two halves would bring in turns for ever. To send first would cost a
        lone job 60 of 500 µs; and if it blocks the event loop, we have no fetch
        under way that would take jobs which nobody could run here.
        """
        for _ in range(2):
            await trio.lowlevel.checkpoint()

    async def _rest(self) -> None:
        await trio.sleep(self.interval * (0.5 + self.random()))

    def _hand_over(self, jobs: list[Delivery]) -> None:
        self.slots.hand_over(jobs)
        # With fewer consumers than when we asked, others shall have the rest.
        self._requeue(self.slots.take_excess())

    def _requeue(self, jobs: list[Delivery]) -> None:
        for delivery in jobs:
            self.settler.add(Run(delivery))

    def _conclude(self) -> None:
        """The call is answered: the next one is another."""
        self._call += 1
        self._limit = 0
