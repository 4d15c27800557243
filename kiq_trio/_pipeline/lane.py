"""One destination's jobs in the buffer, and the batch of them that is under way."""

import math
from collections import deque
from collections.abc import Iterator, Sequence

import attrs
import trio

from kiq_trio._store.enqueueing import MOST_PAYLOADS, Batch, Terms
from kiq_trio.unique import Lock

MOST_BYTES = 1 << 20
"""How large a batch may get, unless its one job is larger.

A batch whose line dies is sent again from its first byte: on a slow line a large
one would never arrive, and everybody else's commands wait behind it.
"""


class Ticket:
    """What a caller holds until all of its jobs are stored."""

    __slots__ = ("_done", "_error", "_missing")

    def __init__(self, count: int) -> None:
        self._missing = count
        self._error: Exception | None = None
        self._done = trio.Event()

    def stamp(self) -> None:
        """One of the jobs is stored."""
        self._missing -= 1
        if not self._missing:
            self._done.set()

    def fail(self, error: Exception) -> None:
        """One of the jobs was refused."""
        self._error = error
        self.stamp()

    async def wait(self) -> None:
        """Wait for all of them, and raise what one of them met."""
        await self._done.wait()
        if self._error is not None:
            raise self._error


@attrs.define(eq=False)
class Entry:
    """One job in the buffer.

    Attributes:
        jid: its name, for the log.
        queue: where it goes; None for the schedule.
        payload: what is stored.
        score: when it is due, in epoch seconds, if it goes to the schedule.
        lock: what it must get to be stored, if it is unique.
        ticket: who waits for it, if anybody.
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


@attrs.define(eq=False)
class Lane:
    """The jobs for one destination, in the order in which they came.

    Attributes:
        name: how Redis marks the last batch it took from us.
        queue: the destination; None is the schedule.
        numbers: numbers for batches, each higher than all before it, also than
            those of an earlier lane of this name.
        max_size: how many jobs the queue may hold; 0 for any number.
        waiting: jobs that no batch holds yet.
        sent: jobs of the batch that is under way; Redis may have them.
        trouble: seconds between tries while Redis refuses us, else None.
        retry_at: when the next try is due, on Trio's clock.
        is_told: whether the log says that these jobs wait.
        refusal: why Redis would not take the last batch at all, if so.
    """

    name: str
    queue: str | None
    numbers: Iterator[int]
    max_size: int = 0
    waiting: deque[Entry] = attrs.field(factory=deque, init=False)
    sent: list[Entry] = attrs.field(factory=list, init=False)
    trouble: float | None = None
    retry_at: float = 0.0
    is_told: bool = False
    refusal: Exception | None = None
    _number: int = attrs.field(default=0, init=False)
    _batch: Batch | None = attrs.field(default=None, init=False)

    def __bool__(self) -> bool:
        return bool(self.waiting or self.sent)

    def entries(self) -> Iterator[Entry]:
        """Return all jobs in here, oldest first."""
        yield from self.sent
        yield from self.waiting

    def pause(self) -> float:
        """Return how long this lane must wait before its next try."""
        return 0.0 if self.trouble is None else self.retry_at - trio.current_time()

    def is_ready(self) -> bool:
        """Whether there is something to send now."""
        return bool(self) and self.pause() <= 0

    def try_at_once(self) -> None:
        """Forget what Redis said last time: it may say something else now."""
        self.refusal = None
        self.retry_at = -math.inf

    def freeze(self) -> Batch:
        """Return the batch that is under way, making it if there is none."""
        if self._batch is None:
            self.sent = self._take()
            self._number = next(self.numbers)
            self._batch = self._make_batch()
        return self._batch

    def finish(self) -> list[Entry]:
        """The batch is stored: return its jobs and forget them."""
        stored, self.sent, self._batch = self.sent, [], None
        return stored

    def put_back(self, entries: Sequence[Entry]) -> None:
        """Let *entries* of the finished batch wait again, before all others."""
        self.waiting.extendleft(reversed(entries))

    def give_up_awaited(self) -> list[Entry]:
        """Take out the jobs that somebody waits for, as Redis refused the batch.

        Also those behind it, which it would refuse as well. What is left of the
        batch keeps its number: should a late copy of it be taken after all, the
        rest counts as stored with it.
        """
        awaited = [entry for entry in self.entries() if entry.ticket is not None]
        self.sent = [entry for entry in self.sent if entry.ticket is None]
        self.waiting = deque(entry for entry in self.waiting if entry.ticket is None)
        self._batch = self._make_batch() if self.sent else None
        return awaited

    def withdraw(self, entry: Entry) -> bool:
        """Take back a job that was not sent; answer whether that was possible."""
        try:
            self.waiting.remove(entry)
        except ValueError:
            return False
        return True

    def _take(self) -> list[Entry]:
        taken: list[Entry] = []
        names: set[str] = set()
        size = 0
        while self.waiting and len(taken) < MOST_PAYLOADS:
            following = self.waiting[0]
            size += len(following.payload)
            # Verdicts are told by jid: one of two that share theirs has to wait.
            if taken and (size > MOST_BYTES or following.jid in names):
                break
            names.add(following.jid)
            taken.append(self.waiting.popleft())
        return taken

    def _make_batch(self) -> Batch:
        return Batch(
            lane=self.name,
            number=self._number,
            queue=self.queue,
            payloads=tuple(entry.payload for entry in self.sent),
            scores=()
            if self.queue is not None
            else tuple(entry.score for entry in self.sent),
            terms=self._make_terms(),
        )

    def _make_terms(self) -> Terms | None:
        locks = tuple(entry.lock for entry in self.sent)
        if not self.max_size and not any(locks):
            return None
        jids = tuple(entry.jid for entry in self.sent)
        return Terms(jids, locks, self.max_size)
