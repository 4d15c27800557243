"""The way of a job through the client middleware, alone, at once, or with others."""

import functools
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import attrs
import trio

from kiq_trio.errors import ConfigError
from kiq_trio.job import Job
from kiq_trio.middleware import ClientMiddleware, ClientNext

# Each has a task while it is on its way.
_MOST_AT_ONCE = 1_000

# So many times may somebody wait on who was told that he cannot.
_PATIENCE = 10


def around_storing(chain: Sequence[ClientMiddleware], store: ClientNext) -> ClientNext:
    """Return what calls *chain* around *store*.

    It raises a ConfigError if one of them returns no job.
    """
    for middleware in reversed(chain):
        store = functools.partial(_call_for_job, middleware, store)
    return store


def store_at_once(
    chain: Sequence[ClientMiddleware], store: Callable[[Job], Job], job: Job
) -> Job:
    """Call *chain* around *store* where nobody can wait, and return what it does.

    Raises:
        ConfigError: one waits for something, or returns no job; it is named.
    """
    if not chain:
        return store(job)
    middleware, *rest = chain

    async def call_next(job: Job) -> Job:
        return store_at_once(rest, store, job)

    coroutine = middleware(job, call_next)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return _check_job(middleware, stop.value)
    _end(coroutine)
    raise ConfigError(
        f"client middleware {_name(middleware)} waits for something, which "
        "neither enqueue_nowait nor a SyncClient can: use `await kiq.enqueue(...)`"
    )


async def store_in_order(
    chain: Sequence[ClientMiddleware], store: ClientNext, jobs: Sequence[Job]
) -> list[Job]:
    """Call *chain* around *store* for each of *jobs*; return them as they come back.

    Each begins when the one before has come to *store*, and does not wait for it
    there: so they keep their order, and share their way to Redis. The first error
    cancels the others and is raised.
    """
    done: list[Job] = []
    for start in range(0, len(jobs), _MOST_AT_ONCE):
        passages = [
            _Passage(chain, store, job) for job in jobs[start : start + _MOST_AT_ONCE]
        ]
        async with trio.open_nursery() as nursery:
            for passage in passages:
                await nursery.start(passage.run, nursery.cancel_scope)
                if nursery.cancel_scope.cancel_called:
                    break
        for passage in passages:
            if passage.error is not None:
                raise passage.error
        done += [passage.job for passage in passages]
    return done


@attrs.define(eq=False)
class _Passage:
    """The way of one of many jobs through the middleware."""

    chain: Sequence[ClientMiddleware]
    store: ClientNext
    job: Job
    error: Exception | None = attrs.field(default=None, init=False)

    async def run(
        self, others: trio.CancelScope, *, task_status: trio.TaskStatus[None]
    ) -> None:
        """Pass through; say so when it is time for the next one."""
        tell = functools.cache(task_status.started)

        async def store(job: Job) -> Job:
            tell()
            return await self.store(job)

        try:
            self.job = await around_storing(self.chain, store)(self.job)
        except Exception as error:  # noqa: BLE001 - raised in the task that waits.
            self.error = error
            others.cancel()
        tell()


async def _call_for_job(
    middleware: ClientMiddleware, call_next: ClientNext, job: Job
) -> Job:
    return _check_job(middleware, await middleware(job, call_next))


def _end(coroutine: Coroutine[Any, Any, Any]) -> None:
    for _ in range(_PATIENCE):
        # What it waits for while it is being ended is a RuntimeError.
        with suppress(RuntimeError):
            coroutine.close()
            return


def _check_job(middleware: ClientMiddleware, returned: object) -> Job:
    if not isinstance(returned, Job):
        raise ConfigError(
            f"client middleware {_name(middleware)} must return a Job, got {returned!r}"
        )
    return returned


def _name(middleware: object) -> str:
    return getattr(middleware, "__qualname__", None) or repr(middleware)
