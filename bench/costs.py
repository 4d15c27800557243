"""What a job costs in counts, which are the same on every machine, busy or idle.

Times are not: so these are what the tests hold to bounds (tests/test_costs.py).
"""

import functools
import gc
import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeAlias

import attrs

from bench import drain
from bench.clock import Row
from bench.enqueue import Way, in_bulk, one_by_one
from bench.loads import NOOP, Tally
from bench.site import Site
from bench.stock import Stock
from bench.table import Table
from kiq_trio import Kiq
from kiq_trio._wire.mux import SocketConnection
from kiq_trio._wire.transport import SocketTransport

COUNT = 2_000

Work: TypeAlias = Callable[[], Awaitable[None]]


@attrs.define
class Tap:
    """What goes through the sockets of this process.

    Attributes:
        writes: how often something was sent: round trips.
        sent: how many commands.
    """

    writes: int = 0
    sent: int = 0


@contextmanager
def tapped() -> Iterator[Tap]:
    """Count what all connections of this process send meanwhile."""
    tap, send, submit = Tap(), SocketTransport.send_nowait, SocketConnection.submit

    def counting_send(self: SocketTransport, data: bytes) -> int:
        tap.writes += 1
        return send(self, data)

    def counting_submit(self: SocketConnection, commands: Any, **options: Any) -> Any:
        tap.sent += len(commands)
        return submit(self, commands, **options)

    SocketTransport.send_nowait = counting_send  # type: ignore[method-assign] # undone.
    SocketConnection.submit = counting_submit  # type: ignore[method-assign] # undone.
    try:
        yield tap
    finally:
        SocketTransport.send_nowait = send  # type: ignore[method-assign] # as it was.
        SocketConnection.submit = submit  # type: ignore[method-assign] # as it was.


@contextmanager
def counted_calls() -> Iterator[list[int]]:
    """Count calls of Python functions in this thread, resumptions of tasks included."""
    found = [0]

    def count(_: FrameType, event: str, __: object) -> None:
        if event == "call":
            found[0] += 1

    sys.setprofile(count)
    try:
        yield found
    finally:
        sys.setprofile(None)


@contextmanager
def traced_memory() -> Iterator[Row]:
    """Find out how much was allocated at most, and how much is left, in bytes."""
    found: Row = {}
    gc.collect()
    tracemalloc.start()
    try:
        yield found
        gc.collect()
        kept, peak = tracemalloc.get_traced_memory()
        found |= {"kept": kept, "peak": peak}
    finally:
        tracemalloc.stop()


async def count(work: Work, ready: Callable[[], None] = lambda: None) -> Row:
    """Return what *work*, which does `COUNT` jobs, costs per job.

    It is done four times: for warmth, and for each way of counting, since they would
    count each other. Before each time, *ready* is called, which does not count.
    """
    ready()
    await work()
    ready()
    with tapped() as tap:
        await work()
    ready()
    with counted_calls() as calls:
        await work()
    ready()
    with traced_memory() as memory:
        await work()
    row = {"writes": tap.writes, "sent": tap.sent, "calls": calls[0], **memory}
    return {name: value / COUNT for name, value in row.items()}


async def count_enqueueing(url: str, way: Way, **options: Any) -> Row:
    """Return the counts of enqueueing no-op jobs that *way*."""
    async with Kiq(redis_url=url, server=False, **options) as kiq:
        row = await count(functools.partial(way, kiq, COUNT))
        await kiq.redis.flushall()
    return row


async def count_draining(url: str, **options: Any) -> Row:
    """Return the counts of draining no-op jobs that come all at one moment."""
    stock, tally = Stock(url), Tally(COUNT)
    made, queues = NOOP.make(tally), {"default": drain.CONCURRENCY}

    async with Kiq(redis_url=url, workers=[made], queues=queues, **options) as kiq:

        async def work() -> None:
            await tally.all_done.wait()
            await kiq.wait_idle()

        def ready() -> None:
            tally.restart()
            stock.queue(COUNT)

        return await count(work, ready)


async def measure(site: Site) -> Table:
    """Count for the three ways that jobs go most often."""
    await drain.empty(site.url)
    return Table(
        "Counts",
        f"Per no-op job, of {COUNT:,}. They do not depend on the machine; a test holds"
        " them to bounds. Python calls include the resumption of tasks; bytes are those"
        " of tracemalloc, at most and in the end.",
        {
            "drain": await count_draining(site.url),
            "enqueue, one by one": await count_enqueueing(site.url, one_by_one),
            "enqueue_many": await count_enqueueing(site.url, in_bulk),
        },
    )
