"""Services that outlive whatever depends on them."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

import attrs
import trio

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Service(Protocol[T_co]):
    """An async function that says when it is ready, and then runs for long."""

    def __call__(self, *, task_status: trio.TaskStatus[T_co]) -> Awaitable[None]:
        """Run the service."""
        ...


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
            await service(task_status=_Shielding(task_status, scope))

    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                started = await nursery.start(run)
                try:
                    yield started
                except BaseException as error:  # noqa: BLE001 - raised below, bare.
                    failure = error
                await finish()
            finally:
                scope.cancel()
    except trio.Cancelled:
        # We are cancelled from outside as well, but the block came first.
        if failure is None:
            raise
    except BaseExceptionGroup as bugs:
        if failure is None or isinstance(failure, trio.Cancelled):
            raise
        raise bugs.derive([failure, *bugs.exceptions]) from None
    if failure is not None:
        raise failure


@attrs.frozen
class _Shielding(trio.TaskStatus[T], Generic[T]):
    """Shields a service from the moment on in which it is ready.

    Not earlier: until then nobody depends on it, and whoever starts it may want to
    give up. Not later: a service that ended in between would have a block begin
    that relies on it.
    """

    inner: trio.TaskStatus[T]
    scope: trio.CancelScope

    def started(self, value: T | None = None) -> None:
        self.inner.started(value)  # type: ignore[arg-type]
        # Cancelled already, Trio lets nobody begin to rely on us: we are to end.
        if trio.current_effective_deadline() > -math.inf:
            self.scope.shield = True


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
