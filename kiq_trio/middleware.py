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


def _call(
    middleware: ServerMiddleware, call_next: ServerNext, job: Job
) -> Awaitable[Any]:
    return middleware(job, call_next)


def _is_async(middleware: Any) -> bool:
    inner = inspect.unwrap(middleware) if callable(middleware) else middleware
    while isinstance(inner, functools.partial):
        inner = inner.func
    if not inspect.isroutine(inner):
        inner = getattr(type(inner), "__call__", None)  # noqa: B004 - not whether.
    return inspect.iscoroutinefunction(inner)


def _takes_two(middleware: Callable[..., Any]) -> bool:
    try:
        inspect.signature(middleware).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True
