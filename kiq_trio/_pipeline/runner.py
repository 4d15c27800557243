"""Performs a job and says how it went, whatever the job does."""

from collections.abc import Callable, Mapping

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
                    await self._perform_in_time(worker, job)
                if scope.cancelled_caught:
                    return Interrupted(self.clock() - began)
            elif options.timeout is not None:
                await self._perform_in_time(worker, job)
            elif worker.is_async:
                await worker.function(*job.args)
            else:
                await self._perform_in_thread(worker, job)
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

    async def _perform_in_time(self, worker: AnyWorker, job: Job) -> None:
        timeout = worker.options.timeout
        if timeout is None:
            return await self._perform(worker, job)
        with trio.move_on_after(timeout) as scope:
            await self._perform(worker, job)
        # Not `cancelled_caught`: a job that swallows its cancellation was late
        # all the same.
        if scope.cancel_called:
            raise JobTimeoutError(timeout)
        return None

    async def _perform(self, worker: AnyWorker, job: Job) -> None:
        if worker.is_async:
            await worker.function(*job.args)
        else:
            await self._perform_in_thread(worker, job)

    async def _perform_in_thread(self, worker: AnyWorker, job: Job) -> None:
        # Not abandoned on cancel: no thread outlives its job, so a job never
        # runs beside its own retry.
        await trio.to_thread.run_sync(worker.function, *job.args, limiter=self.threads)


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
