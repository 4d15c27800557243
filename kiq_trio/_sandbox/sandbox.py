"""What a test sees of the jobs that were enqueued in it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from kiq_trio._sandbox.draining import Drain, Drained
from kiq_trio._sandbox.matching import Meant, Wanted, want
from kiq_trio._sandbox.performing import as_stored, perform_job
from kiq_trio._sandbox.recording import Record
from kiq_trio._sandbox.scope import Scope
from kiq_trio._sandbox.telling import tell_found, tell_miscounted, tell_missing
from kiq_trio.errors import ConfigError
from kiq_trio.job import Job

Sight = Literal["sandbox", "shared"]
"""Whose jobs: those of this sandbox, or of all sandboxes of the same `Kiq`."""


class Sandbox:
    """The jobs that a test has enqueued, none of which has reached Redis.

    Made by `kiq.sandboxed()` and by the fixture `kiq_sandbox`. What is asked of it is
    a record: a job stays in it when it has been performed. One that an equal job has
    kept out is not in it.

    How a job is meant is the same for all methods: by a worker or its name; by a
    job, `welcome.new(42)`, of which the class and the arguments count; or by a
    mapping. And by fields, of which all must fit: `class_`, `args`, `queue`, `jid`,
    `retry`, and any other of the payload. `at` and `in_` mean the time for which it
    was scheduled, give or take a second, and None that it was not. In place of a
    value may stand a type, a function that is true of the right values, or whatever
    compares equal, such as `unittest.mock.ANY`.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __repr__(self) -> str:
        return f"<Sandbox, {len(self._scope.journal.records)} enqueued>"

    def now(self) -> float:
        """Return the epoch seconds by which jobs are stamped here."""
        return self._scope.clock()

    def enqueued(
        self, job: Meant | None = None, /, *, scope: Sight = "sandbox", **fields: Any
    ) -> list[Job]:
        """Return the jobs meant, oldest first, as they were stored.

        Args:
            job: which; by default all.
            scope: "sandbox" for the jobs of this one, "shared" for those of all
                sandboxes of the `Kiq`.
            **fields: what else must be.
        """
        found = _find(want(job, fields), self._records(scope))
        return [record.job for record in found]

    def assert_enqueued(
        self,
        job: Meant | None = None,
        /,
        *,
        count: int | None = None,
        scope: Sight = "sandbox",
        **fields: Any,
    ) -> list[Job]:
        """Fail unless such a job was enqueued; return all of them, oldest first.

        Args:
            job: which.
            count: how many there must be; by default one or more.
            scope: as in `enqueued`.
            **fields: what else must be.

        Raises:
            AssertionError: there are none, or not so many; it shows what was
                enqueued, the nearest first.
        """
        __tracebackhide__ = True
        wanted, records = want(job, fields), self._records(scope)
        found = _find(wanted, records)
        if count is not None and len(found) != count and (found or not count):
            raise AssertionError(tell_miscounted(wanted, count, found))
        if not found and count != 0:
            raise AssertionError(tell_missing(wanted, records))
        return [record.job for record in found]

    def refute_enqueued(
        self, job: Meant | None = None, /, *, scope: Sight = "sandbox", **fields: Any
    ) -> None:
        """Fail if such a job was enqueued.

        Args:
            job: which; by default any at all.
            scope: as in `enqueued`.
            **fields: what else must be.

        Raises:
            AssertionError: there is one; it shows them.
        """
        __tracebackhide__ = True
        wanted = want(job, fields)
        found = _find(wanted, self._records(scope))
        if found:
            raise AssertionError(tell_found(wanted, found))

    def forget(self) -> None:
        """Forget what was recorded, for the second half of a test.

        The jobs themselves stay where they are.
        """
        self._scope.journal.records.clear()

    async def drain(
        self,
        queue: str | None = None,
        *,
        with_scheduled: bool = False,
        limit: int = 1_000,
        raise_errors: bool = True,
    ) -> Drained:
        """Perform what waits in the queues of the `Kiq`, until nothing is left.

        The jobs go through the real server half, in this process: in the order in
        which they wait, one at a time, with all that a worker's options say, and so
        do the jobs that they enqueue. What stands in other queues is for other
        programs, and stays.

        Args:
            queue: only what waits in this one, be it the Kiq's own or not.
            with_scheduled: also what is scheduled, snoozed or to be retried: the time
                of this sandbox, and of no one else, is moved until each is due.
            limit: how many jobs may be performed, in case they enqueue each other.
            raise_errors: raise what a job raises, when its queue is empty, instead
                of going on. With False, see the answer for how each went.

        Raises:
            EndlessDrainError: there were more than *limit*.
            RuntimeError: it is being drained already.
        """
        if self._scope.is_draining:
            raise RuntimeError("the sandbox is being drained already")
        queues = [queue] if queue else list(self._scope.scopes.config.queues)
        drain = Drain(self._scope, queues, with_scheduled, limit, raise_errors)
        self._scope.is_draining = True
        try:
            return await drain.run()
        finally:
            self._scope.is_draining = False

    async def perform(self, job: Job | Mapping[str, Any]) -> Any:
        """Perform *job* here and now as the runner of the `Kiq` does.

        Its arguments pass through JSON, and its worker's timeout counts. Nothing is
        enqueued, nor retried.

        Returns:
            What the worker has returned.

        Raises:
            UnknownWorkerError: no worker of the `Kiq` performs this class.
            Verdict: the worker raised or returned one.
            BaseException: whatever else it raised.
        """
        stored = as_stored(job, self.now())
        with self._scope.entered():
            return await perform_job(stored, self._scope.scopes.config)

    @asynccontextmanager
    async def inline(self) -> AsyncIterator[None]:
        """Perform each job while it is enqueued, instead of letting it wait.

        What it raises comes out of `enqueue`. It does not matter for when it is
        scheduled, nor what limits its queue or makes it unique. Jobs of
        `enqueue_nowait` are performed by the next `enqueue` or `flush`, or at the end
        of the block. A job of an unknown class in a queue that the `Kiq` does not
        work off is for another program, and is recorded only.
        """
        journal, config = self._scope.journal, self._scope.scopes.config

        async def perform(job: Job) -> None:
            if job.queue in config.queues or job.job_class in config.workers:
                await perform_job(job, config)

        before, journal.perform = journal.perform, perform
        try:
            yield
            await journal.perform_pending()
        finally:
            journal.perform = before

    @asynccontextmanager
    async def scope(self) -> AsyncIterator["Sandbox"]:
        """Open a sandbox of its own for the block and the tasks it starts.

        It shares nothing with this one: neither jobs, nor locks, nor the clock.
        """
        async with self._scope.scopes.open() as scope:
            with scope.entered():
                yield Sandbox(scope)

    def _records(self, scope: Sight) -> Sequence[Record]:
        if scope not in {"sandbox", "shared"}:
            raise ConfigError(f'scope must be "sandbox" or "shared", got {scope!r}')
        own = self._scope.journal.records
        records = self._scope.scopes.records if scope == "shared" else own
        return [record for record in records if not record.is_duplicate]


def _find(wanted: Wanted, records: Sequence[Record]) -> list[Record]:
    return [record for record in records if not wanted.differences(record)]
