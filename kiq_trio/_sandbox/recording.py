"""Notes every job on its way into a scope's buffer."""

from collections.abc import Awaitable, Callable, Sequence

import attrs
import trio

from kiq_trio._pipeline.buffer import Buffer
from kiq_trio._pipeline.entry import Entry
from kiq_trio.job import Job


@attrs.frozen
class Record:
    """A job that was enqueued.

    Attributes:
        job: as it is stored, so that its arguments are what JSON makes of them;
            with `at` if it is for later.
        when: the epoch seconds at which it was enqueued.
        entry: it in the buffer.
    """

    job: Job
    when: float
    entry: Entry

    @property
    def is_duplicate(self) -> bool:
        """Whether an equal job has kept it out, as far as that is known."""
        return self.entry.duplicate_of is not None


@attrs.define(eq=False)
class Journal:
    """What was enqueued in a scope, and who performs it at once, if anybody does.

    Attributes:
        now: returns epoch seconds.
        shared: the records of all scopes, oldest first.
        records: those of this one.
        perform: performs a job inline; None to let it wait.
        pending: jobs to be performed inline by the next task that can wait.
    """

    now: Callable[[], float]
    shared: list[Record]
    records: list[Record] = attrs.field(factory=list, init=False)
    perform: Callable[[Job], Awaitable[object]] | None = None
    pending: list[Job] = attrs.field(factory=list, init=False)

    def note(self, entries: Sequence[Entry]) -> list[Job]:
        """Record what *entries* hold, and return it."""
        jobs = []
        for entry in entries:
            job = Job.decode(entry.payload)
            if entry.queue is None:
                job = attrs.evolve(job, at=entry.score)
            record = Record(job, self.now(), entry)
            self.records.append(record)
            self.shared.append(record)
            jobs.append(job)
        return jobs

    async def perform_pending(self) -> None:
        """Perform what is pending, and what comes meanwhile."""
        while self.pending and self.perform is not None:
            await self.perform(self.pending.pop(0))


@attrs.define(eq=False)
class RecordingBuffer(Buffer):
    """A buffer that notes each job it takes, in the task of whoever brings it.

    Inline, it has the jobs performed instead of storing them.

    Attributes:
        journal: where it notes them.
    """

    journal: Journal = attrs.field(kw_only=True)

    async def put(self, entries: Sequence[Entry]) -> None:
        """Store *entries* and note them."""
        if self.journal.perform is None:
            try:
                await super().put(entries)
            except trio.Cancelled:
                # What was sent is stored, though nobody heard of it.
                self.journal.note([one for one in entries if one.ticket is not None])
                raise
            self.journal.note(entries)
        else:
            self.put_nowait(entries)
            await self.flush()

    def put_nowait(self, entries: Sequence[Entry]) -> None:
        """Keep *entries* for the next flush, and note them."""
        if self.journal.perform is None:
            super().put_nowait(entries)
            self.journal.note(entries)
        else:
            self.journal.pending += self.journal.note(entries)

    async def flush(self) -> None:
        """Wait until nothing is left here."""
        await self.journal.perform_pending()
        await super().flush()
