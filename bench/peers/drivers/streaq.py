"""streaQ, on Trio."""

from typing import Any, Literal

import anyio
from streaq import Worker

from bench.peers.drivers.gauge import Gauge, Task

Backend = Literal["trio", "asyncio"]


def fill(gauge: Gauge, backend: Backend = "trio", **options: Any) -> None:
    """Enqueue one by one."""
    worker = Worker(redis_url=gauge.load.url)

    @worker.task(name="noop")
    async def noop(n: int) -> None: ...

    async def enqueue() -> None:
        async with worker:
            for n in gauge.each():
                await noop.enqueue(n)

    anyio.run(enqueue, backend=backend, backend_options=options)


def fill_in_bulk(gauge: Gauge, backend: Backend = "trio", **options: Any) -> None:
    """Enqueue in bulk."""
    worker = Worker(redis_url=gauge.load.url)

    @worker.task(name="noop")
    async def noop(n: int) -> None: ...

    async def enqueue() -> None:
        async with worker:
            for batch in gauge.batches():
                await worker.enqueue_many([noop.enqueue(n) for n in batch])

    anyio.run(enqueue, backend=backend, backend_options=options)


def work(task: Task, backend: Backend = "trio", **options: Any) -> None:
    """Run one of its workers."""
    load = task.load
    worker = Worker(
        redis_url=load.url,
        concurrency=load.concurrency,
        anyio_backend=backend,
        anyio_kwargs=options,
    )

    @worker.task(name="noop")
    async def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        if pause := task.job():
            await anyio.sleep(pause)

    worker.run_sync()
