"""Functions around enqueueing and around performing, the first one outermost.

Each is given the job and whatever comes next, and decides what becomes of it::

    async def tag(job: Job, call_next: ClientNext) -> Job:
        return await call_next(job.set(tags=["blue"]))
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeAlias

from kiq_trio.errors import ConfigError
from kiq_trio.job import Job

ClientNext: TypeAlias = Callable[[Job], Awaitable[Job]]
"""Stores a job and returns it as stored: the rest of the way to Redis."""

ClientMiddleware: TypeAlias = Callable[[Job, ClientNext], Coroutine[Any, Any, Job]]
"""`async def middleware(job, call_next) -> Job` around enqueueing."""

ServerNext: TypeAlias = Callable[[Job], Awaitable[Any]]
"""Performs a job and returns what its worker did."""

ServerMiddleware: TypeAlias = Callable[[Job, ServerNext], Coroutine[Any, Any, Any]]
"""`async def middleware(job, call_next) -> Any` around performing."""


def check_middleware(name: str, given: Iterable[Any]) -> tuple[Any, ...]:
    """Return the middleware that the option *name* was given.

    Raises:
        ConfigError: one is no async function of a job and of what comes next.
    """
    checked = tuple(given)
    for index, middleware in enumerate(checked):
        if not _is_async(middleware) or not _takes_two(middleware):
            raise ConfigError(
                f"{name}[{index}] must be an async function of (job, call_next), "
                f"got {middleware!r}"
            )
    return checked


def around_performing(
    chain: Sequence[ServerMiddleware], perform: ServerNext
) -> ServerNext:
    """Return what calls *chain* around *perform*."""
    for middleware in reversed(chain):
        perform = functools.partial(_call, middleware, perform)
    return perform


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
    waiting = ConfigError(
        f"client middleware {_name(middleware)} waits for something, and "
        "enqueue_nowait cannot: use `await kiq.enqueue(...)`"
    )
    try:
        coroutine.close()
    except RuntimeError as error:
        # It waits on, even while it is being ended.
        raise waiting from error
    raise waiting


def _call(
    middleware: ServerMiddleware, call_next: ServerNext, job: Job
) -> Awaitable[Any]:
    return middleware(job, call_next)


async def _call_for_job(
    middleware: ClientMiddleware, call_next: ClientNext, job: Job
) -> Job:
    return _check_job(middleware, await middleware(job, call_next))


def _check_job(middleware: ClientMiddleware, returned: object) -> Job:
    if not isinstance(returned, Job):
        raise ConfigError(
            f"client middleware {_name(middleware)} must return a Job, got {returned!r}"
        )
    return returned


def _is_async(middleware: Any) -> bool:
    inner = inspect.unwrap(middleware) if callable(middleware) else middleware
    while isinstance(inner, functools.partial):
        inner = inner.func
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(
        getattr(inner, "__call__", None)  # noqa: B004 - asked what it is, not if.
    )


def _takes_two(middleware: Callable[..., Any]) -> bool:
    try:
        inspect.signature(middleware).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True


def _name(middleware: object) -> str:
    return getattr(middleware, "__qualname__", None) or repr(middleware)
