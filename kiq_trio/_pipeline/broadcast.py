"""Tells reporters what happened, in batches, without ever waiting for one."""

import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import attrs
import trio

from kiq_trio.events import Ended, Event, Started
from kiq_trio.reporter import Reporter

logger = logging.getLogger("kiq_trio.broadcast")

MAILBOX_LIMIT = 1_000
"""Batches that may wait for one reporter until it loses the next."""

_SLOWEST_RESTART = 5.0


@attrs.define(eq=False)
class Mailbox:
    """One reporter's channel and the task that empties it.

    Attributes:
        reporter: who listens.
        lost: how many events it missed, because it lagged or raised.
    """

    reporter: Reporter
    lost: int = attrs.field(default=0, init=False)
    interests: frozenset[type] = attrs.field(factory=frozenset, init=False)
    _was_mute: bool = attrs.field(default=False, init=False)
    _send: trio.MemorySendChannel[Sequence[Event]] = attrs.field(init=False)
    _receive: trio.MemoryReceiveChannel[Sequence[Event]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel(MAILBOX_LIMIT)

    def offer(self, events: Sequence[Event], kinds: AbstractSet[type]) -> None:
        """Put a batch, which holds these *kinds*, into the channel, or lose it."""
        if self.interests.isdisjoint(kinds):
            return
        if not self.interests >= kinds:
            events = [event for event in events if kind_of(event) in self.interests]
        try:
            self._send.send_nowait(events)
        except trio.WouldBlock:
            if not self.lost:
                logger.warning("%r lags: it loses events", self.reporter)
            self.lost += len(events)

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Hand batches to the reporter until the mailbox is closed and empty."""
        task_status.started()
        failures = 0
        async for events in self._receive:
            try:
                await self.reporter.handle_events(events)
                failures = 0
            except Exception:
                failures += 1
                pause = min(0.1 * 2**failures, _SLOWEST_RESTART)
                self.lost += len(events)
                logger.exception(
                    "%r raised: these events are lost to it; it goes on in %g s",
                    self.reporter,
                    pause,
                )
                await trio.sleep(pause)

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
        self._send.close()


@attrs.define(eq=False)
class Broadcast:
    """Gathers events and offers them to every mailbox.

    Attributes:
        mailboxes: one a reporter.
        wanted: the kinds of events anybody listens to; do not make others.
    """

    mailboxes: Sequence[Mailbox]
    wanted: frozenset[type] = attrs.field(factory=frozenset, init=False)
    _pending: list[Event] = attrs.field(factory=list, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)
    _heard: trio.Event = attrs.field(factory=trio.Event, init=False)
    _arrival: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )

    def __attrs_post_init__(self) -> None:
        self._ask()

    def tell(self, event: Event) -> None:
        """Pass *event* on, soon, together with what else happens meanwhile."""
        self._pending.append(event)
        if len(self._pending) == 1:
            self._arrival.unpark()

    def tell_all(self, events: Sequence[Event]) -> None:
        """Pass *events* on at once, after what was told before."""
        self._pending += events
        if self._pending:
            self._offer()

    def close(self) -> None:
        """Let `run` end when every reporter has heard all there is to tell."""
        self._is_closed = True
        self._arrival.unpark()

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Pass events on until `close`."""
        async with trio.open_nursery() as nursery:
            for mailbox in self.mailboxes:
                await nursery.start(mailbox.run)
            task_status.started()
            while self._pending or not self._is_closed:
                if not self._pending:
                    await self._arrival.park()
                self._offer()
            for mailbox in self.mailboxes:
                mailbox.close()
        self._heard.set()

    async def wait_heard(self) -> None:
        """Wait until, after `close`, every reporter has heard everything."""
        await self._heard.wait()

    def _offer(self) -> None:
        events, self._pending = self._pending, []
        kinds = set(map(kind_of, events))
        for mailbox in self.mailboxes:
            mailbox.offer(events, kinds)
        self._ask()

    def _ask(self) -> None:
        """Ask every reporter anew what it listens to: log levels change."""
        for mailbox in self.mailboxes:
            mailbox.ask()
        self.wanted = frozenset().union(*(box.interests for box in self.mailboxes))


def kind_of(event: Event) -> type:
    """Return the kind by which reporters know *event*."""
    return type(event.outcome) if type(event) is Ended else Started
