"""SAQ, on Redis."""

import asyncio

from saq import Queue, Worker

from bench.peers.drivers.gauge import Gauge, Load


def fill(load: Load) -> None:
    """Enqueue one by one."""

    async def enqueue() -> None:
        queue = Queue.from_url(load.url)
        await queue.connect()
        for n in range(load.total):
            await queue.enqueue("noop", n=n)
        await queue.disconnect()

    asyncio.run(enqueue())


def drain(gauge: Gauge) -> None:
    """Run a worker."""

    async def noop(_: object, *, n: int) -> None:  # noqa: ARG001 - as a job has.
        gauge.job()

    async def run() -> None:
        queue = Queue.from_url(gauge.load.url)
        await queue.connect()
        functions = [("noop", noop)]
        await Worker(queue, functions, concurrency=gauge.load.concurrency).start()

    asyncio.run(run())
