"""One job in the buffer, and who waits until it is stored."""

import logging

import attrs
import outcome
import trio

from kiq_trio._store.enqueueing import Duplicate, Full, Refusal
from kiq_trio.errors import QueueFull
from kiq_trio.unique import Lock

logger = logging.getLogger("kiq_trio.buffer")


class Ticket:
    """What a caller holds until all of its jobs are stored; for one task."""

    __slots__ = ("_error", "_missing", "_task")

    def __init__(self, count: int) -> None:
        self._missing = count
        self._error: Exception | None = None
        self._task: trio.lowlevel.Task | None = None

    @property
    def is_done(self) -> bool:
        """Whether of all jobs it is known what became of them."""
        return self._missing <= 0

    def stamp(self) -> None:
        """One of the jobs is stored."""
        self._missing -= 1
        if not self._missing and self._task is not None:
            trio.lowlevel.reschedule(self._task, outcome.Value(None))

    def fail(self, error: Exception) -> None:
        """One of the jobs was refused."""
        self._error = error
        self.stamp()

    async def wait(self) -> None:
        """Wait for all of them, and raise what one of them met."""
        if not self.is_done:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._leave)
        if self._error is not None:
            raise self._error

    def _leave(self, _: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


@attrs.define(eq=False)
class Entry:
    """One job in the buffer.

    Attributes:
        jid: its name, for the log.
        queue: where it goes; None for the schedule.
        payload: what is stored.
        score: when it is due, in epoch seconds, if it goes to the schedule.
        lock: what it must get to be stored, if it is unique.
        ticket: who waits for it, if anybody; who was cancelled after it was sent, too.
        may_wait: whether it stays here while its queue is full.
        duplicate_of: the jid of the job that kept it out, if one did.
    """

    jid: str
    queue: str | None
    payload: bytes
    score: float = 0.0
    lock: Lock | None = None
    ticket: Ticket | None = None
    may_wait: bool = True
    duplicate_of: str | None = None

    def conclude(self, refusal: Refusal | None, full: QueueFull) -> bool:
        """Tell whoever waits what Redis said; False if it must go on waiting here."""
        if isinstance(refusal, Full):
            if self.may_wait:
                return False
            self.fail(full)
            return True
        if isinstance(refusal, Duplicate):
            self.duplicate_of = refusal.of
            logger.info("job %s is a duplicate of %s", self.jid, refusal.of)
        if self.ticket is not None:
            self.ticket.stamp()
        return True

    def fail(self, error: Exception) -> None:
        """Tell whoever waits that it will not be stored."""
        if self.ticket is not None:
            self.ticket.fail(error)
