"""taskiq, with the broker that acknowledges (a stream), and no result kept."""

import asyncio

from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

from bench.peers.drivers.gauge import Gauge, Task


def _open(url: str) -> RedisStreamBroker:
    # From the start of the stream, for the jobs are there before the worker.
    return RedisStreamBroker(url, consumer_id="0")


def fill(gauge: Gauge) -> None:
    """Enqueue one by one; it has no other way."""

    async def enqueue() -> None:
        broker = _open(gauge.load.url)

        @broker.task(task_name="noop")
        async def noop(n: int) -> None: ...

        await broker.startup()
        for n in gauge.each():
            await noop.kiq(n)
        await broker.shutdown()

    asyncio.run(enqueue())


def work(task: Task) -> None:
    """Run its receiver, as its worker's command does."""

    async def run() -> None:
        broker = _open(task.load.url)

        @broker.task(task_name="noop")
        async def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
            if pause := task.job():
                await asyncio.sleep(pause)

        await run_receiver_task(
            broker, max_async_tasks=task.load.concurrency, run_startup=True
        )

    asyncio.run(run())
