"""One reporter's channel: what it is told of, and what it has missed."""

import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

import attrs
import trio

from kiq_trio.events import Ended, Event, Started
from kiq_trio.reporter import Reporter

logger = logging.getLogger("kiq_trio.broadcast")

MAILBOX_LIMIT = 1_000
"""Batches that may wait for one reporter until it loses the next."""

# One that lags takes nothing until it has worked off half: it loses events in one
# piece, and the log has two lines about it.
_CAUGHT_UP = MAILBOX_LIMIT // 2

_SLOWEST_RESTART = 5.0

Letter: TypeAlias = tuple[Sequence[Event], int]
"""A batch, and how many events were lost since the one before."""


@attrs.define(eq=False)
class Mailbox:
    """One reporter's channel and the task that empties it.

    Attributes:
        reporter: who listens.
        lost: how many events it missed, because it lagged or raised.
        interests: the kinds of events it wants to be told of.
    """

    reporter: Reporter
    lost: int = attrs.field(default=0, init=False)
    interests: frozenset[type] = attrs.field(factory=frozenset, init=False)
    _was_mute: bool = attrs.field(default=False, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)
    _is_open: bool = attrs.field(default=False, init=False)
    _lagged: int = attrs.field(default=0, init=False)
    _untold: int = attrs.field(default=0, init=False)
    _failures: int = attrs.field(default=0, init=False)
    _send: trio.MemorySendChannel[Letter] = attrs.field(init=False)
    _receive: trio.MemoryReceiveChannel[Letter] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel(MAILBOX_LIMIT)

    def offer(self, events: Sequence[Event], kinds: AbstractSet[type]) -> None:
        """Put a batch, which holds these *kinds*, into the channel, or lose it."""
        if self.interests.isdisjoint(kinds):
            return
        if not self.interests >= kinds:
            events = [event for event in events if kind_of(event) in self.interests]
        if self._lagged and self._waiting() > _CAUGHT_UP:
            self._lag(events)
            return
        try:
            self._send.send_nowait((events, self._lagged))
        except trio.WouldBlock:
            logger.warning("%r lags: it loses events", self.reporter)
            self._lag(events)
        else:
            self._end_lag()

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Hand batches to the reporter until the mailbox is closed and empty.

        One that raises is left and, after a pause, entered anew. The pause grows
        as long as it does nothing but raise.
        """
        task_status.started()
        while not self._is_over():
            self._is_open = False
            try:
                async with self.reporter.lifespan():
                    self._is_open = True
                    await self._hand_over()
            except Exception as error:  # noqa: BLE001 - it is logged there.
                await self._rest(error)

    def ask(self) -> None:
        """Ask the reporter what it listens to; to nothing if it cannot say."""
        try:
            self.interests = frozenset(self.reporter.interests())
        except Exception:
            if not self._was_mute:
                logger.exception("%r cannot say what interests it", self.reporter)
            self._was_mute = True
            self.interests = frozenset()
        else:
            self._was_mute = False

    def close(self) -> None:
        """Let `run` end when all that was offered is told."""
        self._untold += self._lagged
        self._end_lag()
        self._is_closed = True
        self._send.close()

    async def _hand_over(self) -> None:
        async for events, lagged in self._receive:
            self._untold += lagged
            try:
                await self._tell_lost()
                await self.reporter.handle_events(events)
            except BaseException:
                self.lost += len(events)
                self._untold += len(events)
                raise
            if self._failures:
                logger.warning(
                    "%r goes on: it lost %d events", self.reporter, self.lost
                )
                self._failures = 0
        await self._tell_lost()

    async def _tell_lost(self) -> None:
        if self._untold:
            count, self._untold = self._untold, 0
            await self.reporter.handle_lost(count)

    async def _rest(self, error: Exception) -> None:
        """Log what the reporter has raised just now, and leave it alone for a while."""
        self._failures += 1
        pause = min(0.1 * 2.0 ** min(self._failures, 10), _SLOWEST_RESTART)
        logger.error(
            "%r raised: it goes on in %g s, and has lost %d events",
            self.reporter,
            pause,
            self.lost,
            exc_info=error,
        )
        await trio.sleep(pause)

    def _is_over(self) -> bool:
        """Whether nothing is left to be told, or nobody to tell it to."""
        if not self._is_closed or (self._waiting() and self._is_open):
            return False
        while self._waiting():
            self.lost += len(self._receive.receive_nowait()[0])
        return True

    def _lag(self, events: Sequence[Event]) -> None:
        self.lost += len(events)
        self._lagged += len(events)

    def _end_lag(self) -> None:
        if self._lagged:
            logger.warning(
                "%r takes events again: it lost %d", self.reporter, self._lagged
            )
            self._lagged = 0

    def _waiting(self) -> int:
        return self._receive.statistics().current_buffer_used


def kind_of(event: Event) -> type:
    """Return the kind by which reporters know *event*."""
    return type(event.outcome) if type(event) is Ended else Started
