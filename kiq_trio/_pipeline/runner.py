"""Performs a job and says how it went, whatever the job does."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import trio

from kiq_trio._pipeline.lease import Lease
from kiq_trio.errors import JobTimeoutError, UnknownWorkerError
from kiq_trio.events import Failed, Interrupted, Outcome, Succeeded
from kiq_trio.job import Job
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
    """

    workers: Mapping[str, AnyWorker]
    lease: Lease
    threads: trio.CapacityLimiter
    clock: Callable[[], float]

    async def run(self, job: Job, began: float) -> Outcome:
        """Perform *job*, begun at *began* on Trio's clock.

        Never raises but for `KeyboardInterrupt`, which is the user's. A run that
        is cancelled from outside is `Interrupted`; whoever calls must pass a
        checkpoint afterwards, where the cancellation is felt again.
        """
        worker = self.workers.get(job.job_class)
        scope: trio.CancelScope | None = None
        try:
            if worker is None:
                raise UnknownWorkerError(job.job_class, tuple(self.workers))  # noqa: TRY301 - one way to fail.
            options = worker.options
            if options.exclusive:
                with self.lease.exclusive() as scope:
                    await self._perform(worker, job)
                if scope.cancelled_caught:
                    return Interrupted(self.clock() - began)
            elif worker.is_async and options.timeout is None:
                await worker.function(*job.args)
            else:
                await self._perform(worker, job)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, BaseExceptionGroup) and error.subgroup(
                KeyboardInterrupt
            ):
                raise
            took = self.clock() - began
            if _is_cancellation(error) and _is_cancelled_from_outside(scope):
                return Interrupted(took)
            return Failed(error, took)
        return Succeeded(self.clock() - began)

    async def _perform(self, worker: AnyWorker, job: Job) -> None:
        timeout = worker.options.timeout
        if worker.is_async:
            await _in_time(timeout, worker.function, *job.args)
            return
        # Held out here, so that a job's time begins when it has a thread.
        async with self.threads:
            thread = name_thread(job.jid)
            await _in_time(timeout, _run_in_thread, thread, worker.function, *job.args)


def name_thread(jid: str) -> str:
    """Return what the thread of a job is called, if it gets one."""
    return f"job {jid}"


async def _in_time(
    timeout: float | None, function: Callable[..., Any], *args: Any
) -> None:
    if timeout is None:
        await function(*args)
        return
    with trio.move_on_after(timeout) as scope:
        await function(*args)
    # Not `cancelled_caught`: a job that swallows its cancellation was late all the
    # same.
    if scope.cancel_called:
        raise JobTimeoutError(timeout)


async def _run_in_thread(name: str, function: Callable[..., Any], *args: Any) -> None:
    # Not abandoned on cancel: no thread outlives its job, so a job never runs
    # beside its own retry. How many there are is limited elsewhere.
    limiter = trio.CapacityLimiter(1)
    await trio.to_thread.run_sync(function, *args, limiter=limiter, thread_name=name)


def _is_cancelled_from_outside(exclusive: trio.CancelScope | None) -> bool:
    if exclusive is not None and exclusive.cancel_called:
        return True
    return trio.current_effective_deadline() <= trio.current_time()


def _is_cancellation(error: BaseException | None) -> bool:
    """Whether *error* is, holds, or was raised because of a cancellation."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, trio.Cancelled):
            return True
        if isinstance(error, BaseExceptionGroup):
            return error.subgroup(trio.Cancelled) is not None
        error = error.__cause__ or error.__context__
    return False
