"""One destination's jobs in the buffer, and the batch of them that is under way."""

from collections import deque
from collections.abc import Iterator, Sequence

import attrs

from kiq_trio._pipeline.entry import Entry
from kiq_trio._store.enqueueing import MOST_PAYLOADS, Batch, Terms

MOST_BYTES = 1 << 20
"""How large a batch may get, unless its one job is larger.

A batch whose line dies is sent again from its first byte: on a slow line a large
one would never arrive, and everybody else's commands wait behind it.
"""


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
    """

    name: str
    queue: str | None
    numbers: Iterator[int]
    max_size: int = 0
    waiting: deque[Entry] = attrs.field(factory=deque, init=False)
    sent: list[Entry] = attrs.field(factory=list, init=False)
    _number: int = attrs.field(default=0, init=False)
    _batch: Batch | None = attrs.field(default=None, init=False)

    def __bool__(self) -> bool:
        return bool(self.waiting or self.sent)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.sent)

    def entries(self) -> Iterator[Entry]:
        """Return all jobs in here, oldest first."""
        yield from self.sent
        yield from self.waiting

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
        """Take out of what waits as much as one batch may hold."""
        waiting = self.waiting
        # Mostly that is all of it, and this takes a third of looking one by one.
        if len(waiting) == 1 or (
            len(waiting) <= MOST_PAYLOADS
            and sum([len(entry.payload) for entry in waiting]) <= MOST_BYTES
            and len({entry.jid for entry in waiting}) == len(waiting)
        ):
            self.waiting = deque()
            return list(waiting)
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
        # Lists on the way to the tuples: generators would be resumed for each job.
        scores = [] if self.queue is not None else [one.score for one in self.sent]
        return Batch(
            lane=self.name,
            number=self._number,
            queue=self.queue,
            payloads=tuple([one.payload for one in self.sent]),
            scores=tuple(scores),
            terms=self._make_terms(),
        )

    def _make_terms(self) -> Terms | None:
        locks = [one.lock for one in self.sent]
        if not self.max_size and not any(locks):
            return None
        jids = tuple([one.jid for one in self.sent])
        return Terms(jids, tuple(locks), self.max_size)
