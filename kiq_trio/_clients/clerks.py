"""Who sends a call's jobs: the names and numbers by which Redis knows a repetition."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import attrs

from kiq_trio._pipeline.lane import Lane


@attrs.frozen(eq=False)
class Clerk:
    """Serves one call at a time, so that its lanes have one batch in flight each.

    Attributes:
        name: no other clerk has it, in whatever process.
        numbers: for its batches; they rise from call to call, so that a late copy of
            an earlier call's batch is told from the next one's.
        pid: the process it works in.
    """

    name: str = attrs.field(factory=lambda: f"client-{secrets.token_hex(8)}")
    numbers: Iterator[int] = attrs.field(factory=lambda: count(1))
    pid: int = attrs.field(factory=os.getpid)

    def open_lane(self, queue: str | None, max_size: int) -> Lane:
        """Return a lane to *queue*, or to the schedule if that is None."""
        where = "schedule" if queue is None else f"queue:{queue}"
        return Lane(f"{self.name}:{where}", queue, self.numbers, max_size)


class Clerks:
    """The clerks of one client: as many as it ever had calls at the same time.

    Any number of threads may borrow at once: what they do to the list is atomic. A
    forked process has its parent's list, but does not use its clerks, who work on in
    the parent.
    """

    def __init__(self) -> None:
        self._idle: list[Clerk] = []

    @contextmanager
    def borrow(self) -> Iterator[Clerk]:
        """Lend a clerk for one call."""
        clerk = self._take()
        try:
            yield clerk
        finally:
            self._idle.append(clerk)

    def _take(self) -> Clerk:
        while True:
            try:
                # The last that came back: the fewer are used, the fewer marks are
                # kept of them in Redis.
                clerk = self._idle.pop()
            except IndexError:
                return Clerk()
            if clerk.pid == os.getpid():
                return clerk
