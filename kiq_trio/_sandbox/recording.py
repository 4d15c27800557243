"""Notes every job on its way into a scope's buffer."""

from collections.abc import Callable, Sequence

import attrs

from kiq_trio._pipeline.buffer import Buffer
from kiq_trio._pipeline.lane import Entry
from kiq_trio.job import Job


@attrs.frozen
class Record:
    """A job that was enqueued.

    Attributes:
        job: as it is stored, so that its arguments are what JSON makes of them;
            with `at` if it is for later.
        when: the epoch seconds at which it was enqueued.
    """

    job: Job
    when: float


@attrs.define(eq=False)
class RecordingBuffer(Buffer):
    """A buffer that tells of each job it takes, in the task of whoever brings it.

    Attributes:
        record: is told.
        now: returns epoch seconds.
    """

    record: Callable[[Record], None] = attrs.field(kw_only=True)
    now: Callable[[], float] = attrs.field(kw_only=True)

    async def put(self, entries: Sequence[Entry]) -> None:
        """Store *entries* and note them."""
        await super().put(entries)
        self._note(entries)

    def put_nowait(self, entries: Sequence[Entry]) -> None:
        """Keep *entries* for the next flush, and note them."""
        super().put_nowait(entries)
        self._note(entries)

    def _note(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            job = Job.decode(entry.payload)
            if entry.queue is None:
                job = attrs.evolve(job, at=entry.score)
            self.record(Record(job, self.now()))
