"""Performs a job and says how it went, whatever the job does."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import trio

from kiq_trio._pipeline.cancellation import is_cancellation, is_interrupt, sole_leaf
from kiq_trio._pipeline.forks import end_fork
from kiq_trio._pipeline.lease import Lease
from kiq_trio.current import running
from kiq_trio.errors import JobTimeoutError, UnknownWorkerError
from kiq_trio.events import Aborted, Failed, Interrupted, Outcome, Snoozed, Succeeded
from kiq_trio.job import Job
from kiq_trio.middleware import ServerMiddleware, around_performing
from kiq_trio.verdicts import Cancel, Discard, Snooze, Verdict
from kiq_trio.worker import AnyWorker


@attrs.define(eq=False)
class Runner:
    """Performs jobs, each in a cancel scope if its worker asks for one.

    Attributes:
        workers: the workers that may be run, by class name; a name that is not
            among them is never looked up anywhere else.
        lease: what the runs of exclusive workers depend on.
        threads: how many plain functions may run at once.
        clock: Trio's clock, asked twice a job: through `trio.current_time` that
            costs three times as much.
        middleware: what is called around every worker, the first outermost. It sees
            what a worker raises, a time-out as well, for time limits are inside of
            it; a job that is cancelled is cancelled in it, too.
    """

    workers: Mapping[str, AnyWorker]
    lease: Lease
    threads: trio.CapacityLimiter
    clock: Callable[[], float]
    middleware: Sequence[ServerMiddleware] = ()
    _bare: Mapping[str, AnyWorker] = attrs.field(init=False)
    """Those that are called with nothing around them: most jobs are theirs."""

    def __attrs_post_init__(self) -> None:
        self._bare = {
            name: worker
            for name, worker in self.workers.items()
            if not self.middleware and _is_bare(worker)
        }

    async def run(self, job: Job, began: float) -> Outcome:
        """Perform *job*, begun at *began* on Trio's clock.

        Never raises but for `KeyboardInterrupt`, which is the user's. A run that
        is cancelled from outside is `Interrupted`; whoever calls must pass a
        checkpoint afterwards, where the cancellation is felt again.
        """
        worker = self._bare.get(job.job_class)
        scope: trio.CancelScope | None = None
        running.set(job)
        try:
            if worker is not None:
                said = await worker.function(*worker.take(job.args))
            else:
                worker = self._find(job)
                if worker.options.exclusive:
                    said = None
                    with self.lease.exclusive() as scope:
                        said = await self._go_through(worker, job)
                    if scope.cancelled_caught:
                        return Interrupted(self.clock() - began)
                else:
                    said = await self._go_through(worker, job)
        except BaseException as error:
            if is_interrupt(error):
                raise
            took = self.clock() - began
            if is_cancellation(error) and _is_cancelled_from_outside(scope):
                return Interrupted(took)
            return _read(sole_leaf(error), took) or Failed(error, took)
        took = self.clock() - began
        # What a worker returns means nothing, unless it is a verdict.
        return (_read(said, took) if said is not None else None) or Succeeded(took)

    def disown(self) -> None:
        """Let no job come to its end: we are in a process that a job has forked."""
        # The first thing that is asked for whenever a job is over.
        self.clock = end_fork

    def _find(self, job: Job) -> AnyWorker:
        worker = self.workers.get(job.job_class)
        if worker is None:
            raise UnknownWorkerError(job.job_class, tuple(self.workers))
        return worker

    async def _go_through(self, worker: AnyWorker, job: Job) -> Any:
        perform = partial(self._perform, worker)
        return await around_performing(self.middleware, perform)(job)

    async def run_for(self, job: Job, began: float, seconds: float) -> Outcome:
        """Do the same for so many seconds at most: then its deadline aborts the job.

        Not only if it hears it: what ends after its deadline is wanted by nobody.
        """
        outcome: Outcome = Interrupted(0.0)
        with trio.CancelScope(deadline=self.clock() + seconds) as scope:
            outcome = await self.run(job, began)
        if scope.cancel_called:
            return Aborted("deadline", self.clock() - began)
        return outcome

    async def _perform(self, worker: AnyWorker, job: Job) -> Any:
        timeout, args = worker.options.timeout, worker.take(job.args)
        if worker.is_async:
            return await _in_time(timeout, worker.function, *args)
        # Held out here, so that a job's time begins when it has a thread.
        async with self.threads:
            thread = name_thread(job.jid)
            return await _in_time(
                timeout, _run_in_thread, thread, worker.function, *args
            )


def _is_bare(worker: AnyWorker) -> bool:
    options = worker.options
    return worker.is_async and not options.exclusive and options.timeout is None


def name_thread(jid: str) -> str:
    """Return what the thread of a job is called, if it gets one."""
    return f"job {jid}"


async def _in_time(
    timeout: float | None, function: Callable[..., Any], *args: Any
) -> Any:
    if timeout is None:
        return await function(*args)
    said = None
    scope = trio.move_on_after(timeout)
    try:
        with scope:
            said = await function(*args)
    except (Verdict, ExceptionGroup) as error:
        # Raised, alone or from a nursery, or returned, what it says comes too late
        # after the timeout.
        if not (scope.cancel_called and isinstance(sole_leaf(error), Verdict)):
            raise
    # Not `cancelled_caught`: a job that swallows its cancellation was late all the
    # same.
    if scope.cancel_called:
        raise JobTimeoutError(timeout)
    return said


async def _run_in_thread(name: str, function: Callable[..., Any], *args: Any) -> Any:
    # Not abandoned on cancel: no thread outlives its job, so a job never runs
    # beside its own retry. How many there are is limited elsewhere.
    limiter = trio.CapacityLimiter(1)
    return await trio.to_thread.run_sync(
        _call_in, os.getpid(), function, *args, limiter=limiter, thread_name=name
    )


def _call_in(pid: int, function: Callable[..., Any], *args: Any) -> Any:
    """Call *function*, and return in the process *pid* only, in none it forks."""
    try:
        return function(*args)
    finally:
        if os.getpid() != pid:
            end_fork()


def _read(said: object, took: float) -> Outcome | None:
    """Return the outcome that a worker's verdict stands for; None if it is none."""
    if isinstance(said, Snooze):
        return Snoozed(said.seconds, took)
    if isinstance(said, Discard):
        return Aborted("discarded", took, said.reason)
    if isinstance(said, Cancel):
        return Aborted("cancelled", took, said.reason)
    return None


def _is_cancelled_from_outside(exclusive: trio.CancelScope | None) -> bool:
    if exclusive is not None and exclusive.cancel_called:
        return True
    return trio.current_effective_deadline() <= trio.current_time()
