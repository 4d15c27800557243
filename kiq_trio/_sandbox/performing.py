"""Performs one job as a consumer has it performed, and tells what came of it."""

import secrets
from collections.abc import Callable, Coroutine, Mapping
from copy import copy
from typing import Any, TypeVar, assert_never, overload

import trio

from kiq_trio._pipeline.intake import prepare
from kiq_trio._pipeline.lease import Lease
from kiq_trio._plant import build_runner
from kiq_trio._sandbox.scope import as_in_process
from kiq_trio._wire.clock import TrioClock
from kiq_trio.config import Config
from kiq_trio.events import (
    Aborted,
    Failed,
    Interrupted,
    Outcome,
    Snoozed,
    Succeeded,
)
from kiq_trio.job import Job
from kiq_trio.verdicts import Cancel, Discard, Snooze
from kiq_trio.worker import AnyWorker, FunctionWorker, P
from kiq_trio.worker_class import Worker

R = TypeVar("R")


@overload
async def perform(
    worker: FunctionWorker[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
) -> R: ...
@overload
async def perform(
    worker: FunctionWorker[P, R], *args: P.args, **kwargs: P.kwargs
) -> R: ...
@overload
async def perform(worker: type[Worker], *args: Any, **kwargs: Any) -> Any: ...
async def perform(worker: Any, *args: Any, **kwargs: Any) -> Any:
    """Perform one job of *worker* here and now, to test the worker alone.

    Unlike a call of the worker, it runs as it will run: its arguments pass through
    JSON, its timeout counts, a plain function gets a thread.

    Args:
        worker: whose job.
        *args: as for `worker.new`.
        **kwargs: as for `worker.new`.

    Returns:
        What the worker has returned.

    Raises:
        ConfigError: *worker* is not a worker.
        EncodeError: an argument is not JSON.
        TypeError: the worker does not take such arguments.
        Verdict: the worker raised or returned one.
        BaseException: whatever else it raised.
    """
    config = Config(workers=[worker])
    [performer] = config.workers.values()
    return await perform_job(as_stored(performer.new(*args, **kwargs)), config)


def as_stored(given: Job | Mapping[str, Any], now: float | None = None) -> Job:
    """Return a job as a process finds it in Redis."""
    now = TrioClock()() if now is None else now
    _, entry = prepare(given, now=now, jid=secrets.token_hex(12))
    return Job.decode(entry.payload)


async def perform_job(job: Job, config: Config) -> Any:
    """Perform *job*, as it was stored, by one of the workers in *config*.

    Return what the worker returns, and raise what it raises.
    """
    results: list[Any] = []
    workers = [_with_results(one, results) for one in config.workers.values()]
    config = as_in_process(config, workers=workers)
    outcome: Outcome = Interrupted(0.0)

    async def run() -> None:
        nonlocal outcome
        runner = build_runner(config, Lease())
        outcome = await runner.run(job, trio.current_time())
        if isinstance(outcome, Interrupted):
            # The cancellation that it has felt is felt again here.
            await trio.lowlevel.checkpoint()

    # In a task of its own, like any job: what it sets in its context is its own.
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, name=f"perform {job.job_class}")
    return _conclude(outcome, results)


def _conclude(outcome: Outcome, results: list[Any]) -> Any:
    match outcome:
        case Succeeded():
            # None too if a middleware has not let it come to its worker.
            return results[-1] if results else None
        case Failed(error=error):
            raise error
        case Snoozed(seconds=seconds):
            raise Snooze(seconds)
        case Aborted(reason="cancelled", detail=detail):
            raise Cancel(detail)
        case Aborted(detail=detail):
            raise Discard(detail)
        case Interrupted():
            # Cancelled from outside, it would not have come here.
            raise RuntimeError("the job gave up its lease")
        case _:
            assert_never(outcome)


def _with_results(worker: AnyWorker, results: list[Any]) -> AnyWorker:
    """Return *worker*, with what it returns kept in *results*."""
    function: Callable[..., Any] = worker.function

    async def keep(*args: Any, **kwargs: Any) -> Any:
        results.append(await function(*args, **kwargs))
        return results[-1]

    def keep_plain(*args: Any, **kwargs: Any) -> Any:
        results.append(function(*args, **kwargs))
        return results[-1]

    keeping = copy(worker)
    keeping.function = keep if worker.is_async else keep_plain
    return keeping
