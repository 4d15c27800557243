"""taskiq, with the broker that acknowledges (a stream), and no result kept."""

import asyncio
from collections.abc import Callable
from typing import Any

from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

from bench.peers.drivers.gauge import Gauge, Load


def _broker(load: Load) -> RedisStreamBroker:
    # From the start of the stream, for the jobs are there before the worker.
    return RedisStreamBroker(load.url, consumer_id="0")


def _task(broker: RedisStreamBroker, job: Callable[[], None]) -> Any:
    @broker.task(task_name="noop")
    async def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        job()

    return noop


def fill(load: Load) -> None:
    """Enqueue one by one; it has no other way."""

    async def enqueue() -> None:
        broker = _broker(load)
        noop = _task(broker, lambda: None)
        await broker.startup()
        for n in range(load.total):
            await noop.kiq(n)
        await broker.shutdown()

    asyncio.run(enqueue())


def drain(gauge: Gauge) -> None:
    """Run its receiver, as its worker's command does."""

    async def run() -> None:
        broker = _broker(gauge.load)
        _task(broker, gauge.job)
        await run_receiver_task(
            broker, max_async_tasks=gauge.load.concurrency, run_startup=True
        )

    asyncio.run(run())
