"""Tells reporters what happened, in batches, without ever waiting for one."""

from collections.abc import Iterable, Sequence

import attrs
import trio

from kiq_trio._pipeline.mailbox import Mailbox, kind_of
from kiq_trio._pipeline.runs import Run
from kiq_trio.events import Ended, Event
from kiq_trio.reporter import Reporter


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
        for mailbox in self.mailboxes:
            mailbox.reporter.ask_anew = self._ask
        self._ask()

    def tell(self, event: Event) -> None:
        """Pass *event* on, soon, together with what else happens meanwhile."""
        self._pending.append(event)
        if len(self._pending) == 1:
            self._arrival.unpark()

    def tell_ends(self, runs: Iterable[Run]) -> None:
        """Pass on how *runs* ended, at once and after what was told before."""
        for run in runs:
            job, outcome = run.job, run.outcome
            if type(outcome) in self.wanted and job is not None and outcome is not None:
                self._pending.append(Ended(job, outcome))
        if self._pending:
            self._offer()
        else:
            self._ask()

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

    def count_lost(self, reporter: Reporter | None = None) -> int:
        """Return how many events *reporter* has lost, or all of them together."""
        return sum(
            box.lost
            for box in self.mailboxes
            if reporter is None or box.reporter is reporter
        )

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
