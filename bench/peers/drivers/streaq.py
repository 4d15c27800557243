"""streaQ, on Trio: one of its workers, tasks enqueued in bulk."""

import anyio
from streaq import Worker

from bench.peers.drivers.gauge import Gauge, Load


def fill(load: Load) -> None:
    """Enqueue in bulk."""
    worker = Worker(redis_url=load.url)

    @worker.task(name="noop")
    async def noop(n: int) -> None: ...

    async def enqueue() -> None:
        async with worker:
            await worker.enqueue_many([noop.enqueue(n) for n in range(load.total)])

    anyio.run(enqueue)


def drain(gauge: Gauge) -> None:
    """Run a worker on Trio."""
    load = gauge.load
    worker = Worker(
        redis_url=load.url, concurrency=load.concurrency, anyio_backend="trio"
    )

    @worker.task(name="noop")
    async def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        gauge.job()

    worker.run_sync()
