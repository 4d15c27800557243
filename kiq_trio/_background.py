"""Services that outlive whatever depends on them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")


class Service(Protocol[T]):
    """An async function that says when it is ready, and then runs for long."""

    def __call__(self, *, task_status: trio.TaskStatus[T]) -> Awaitable[None]:
        """Run the service."""


async def _nothing() -> None:
    pass


@asynccontextmanager
async def background(
    service: Service[T], finish: Callable[[], Awaitable[object]] = _nothing
) -> AsyncIterator[T]:
    """Run *service* beside the block; after the block call *finish*, then end it.

    Nesting such blocks is the order of shutdown. A cancellation from outside is
    felt in the block at once, but by the service only when *finish* is done: until
    then others may need it. So *finish* must limit itself.

    The block gets what the service has started with. The block's own exception
    comes out as itself. A service that raises is a bug: it cancels the block and
    comes out as an exception group.
    """
    scope = trio.CancelScope()

    async def run(*, task_status: trio.TaskStatus[T]) -> None:
        with scope:
            await service(task_status=task_status)

    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        started: T = await nursery.start(run)
        # Not before it is ready: until then nobody depends on it, and whoever
        # starts it may want to give up.
        scope.shield = True
        try:
            yield started
        except BaseException as error:  # noqa: BLE001 - raised again below, bare.
            failure = error
        try:
            await finish()
        finally:
            scope.cancel()
    if failure is not None:
        raise failure


@asynccontextmanager
async def open_service_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery for tasks behind the block, which end with it and not before.

    A cancellation from outside reaches the block, and the tasks only when the
    block has been left.
    """

    async def hold(*, task_status: trio.TaskStatus[trio.Nursery]) -> None:
        async with trio.open_nursery() as nursery:
            task_status.started(nursery)
            await trio.sleep_forever()

    async with background(hold) as nursery:
        yield nursery
