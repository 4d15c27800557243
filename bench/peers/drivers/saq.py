"""SAQ, on Redis."""

import asyncio

from saq import Queue, Worker

from bench.peers.drivers.gauge import Gauge, Task


def fill(gauge: Gauge) -> None:
    """Enqueue one by one."""

    async def enqueue() -> None:
        queue = Queue.from_url(gauge.load.url)
        await queue.connect()
        for n in gauge.each():
            await queue.enqueue("noop", n=n)
        await queue.disconnect()

    asyncio.run(enqueue())


def work(task: Task) -> None:
    """Run a worker."""

    async def noop(_: object, *, n: int) -> None:  # noqa: ARG001 - as a job has.
        if pause := task.job():
            await asyncio.sleep(pause)

    async def run() -> None:
        queue = Queue.from_url(task.load.url)
        await queue.connect()
        functions = [("noop", noop)]
        await Worker(queue, functions, concurrency=task.load.concurrency).start()

    asyncio.run(run())
