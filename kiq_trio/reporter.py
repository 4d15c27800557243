"""Listening to what happens to jobs."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from kiq_trio.events import (
    KINDS,
    Aborted,
    Ended,
    Event,
    Failed,
    Interrupted,
    Snoozed,
    Started,
    Succeeded,
)
from kiq_trio.job import Job


class Reporter:
    """Listens to what happens to jobs; subclass it and override what you need.

    Every reporter has a task and a bounded channel of its own. One that raises
    loses the batch it was told, and goes on with the next after a pause; one that
    lags loses events as well. Both are logged, counted by `Kiq.count_lost_events`,
    and told to it by `handle_lost`. Neither can lose, repeat or delay a job: how one
    ended is told after Redis knows. State may be kept on the instance, which only
    its task touches.
    """

    ask_anew: Callable[[], None] | None = None
    """While it listens: has `interests` asked at once, because they have changed."""

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open what it needs while it listens; override it for files and connections.

        It is entered before the first event, and left when the last one was told,
        by Trio's rules for both: a nursery opened here is a home for tasks::

            @asynccontextmanager
            async def lifespan(self):
                async with await trio.open_file("jobs.log", "a") as self.file:
                    yield

        If that or a handler raises, it is left and, after a pause, entered anew.
        Meanwhile events wait.
        """
        yield

    def interests(self) -> frozenset[type]:
        """Return the kinds of events to be told of; asked anew after each batch.

        Call `ask_anew` where waiting for one is too long. An event that interests
        nobody is never made.
        """
        return KINDS

    async def handle_events(self, events: Sequence[Event]) -> None:
        """Take a batch of events, oldest first; override this where speed counts."""
        for event in events:
            if type(event) is Started:
                await self.handle_started(event.job)
            elif type(event) is Ended:
                await self._handle_ended(event)

    async def handle_started(self, job: Job) -> None:
        """A consumer is about to run *job*."""

    async def handle_success(self, job: Job, outcome: Succeeded) -> None:
        """The job's worker returned."""

    async def handle_failure(self, job: Job, outcome: Failed) -> None:
        """The job's run failed; it is in the retry set, the dead set, or gone."""

    async def handle_aborted(self, job: Job, outcome: Aborted) -> None:
        """The job is done with, on purpose, though it did not succeed."""

    async def handle_snoozed(self, job: Job, outcome: Snoozed) -> None:
        """The job's worker put it off: it is in the set `schedule`."""

    async def handle_interrupted(self, job: Job, outcome: Interrupted) -> None:
        """The job was cancelled by a shutdown and is back in its queue."""

    async def handle_stopped(self, job: Job) -> None:
        """The job has left its consumer, however it went; told last."""

    async def handle_lost(self, count: int) -> None:
        """So many events were lost just before those that are told next."""

    async def _handle_ended(self, event: Ended) -> None:
        job, outcome = event.job, event.outcome
        if type(outcome) is Succeeded:
            await self.handle_success(job, outcome)
        elif type(outcome) is Failed:
            await self.handle_failure(job, outcome)
        elif type(outcome) is Aborted:
            await self.handle_aborted(job, outcome)
        elif type(outcome) is Snoozed:
            await self.handle_snoozed(job, outcome)
        elif type(outcome) is Interrupted:
            await self.handle_interrupted(job, outcome)
        await self.handle_stopped(job)
