"""arq, polling for new jobs each 10 ms instead of each 500 ms."""

import asyncio

import arq
from arq.connections import RedisSettings
from arq.worker import Worker, func

from bench.peers.drivers.gauge import Gauge, Task


def fill(gauge: Gauge) -> None:
    """Enqueue one by one; it has no other way."""

    async def enqueue() -> None:
        pool = await arq.create_pool(RedisSettings.from_dsn(gauge.load.url))
        for n in gauge.each():
            await pool.enqueue_job("noop", n)
        await pool.aclose()

    asyncio.run(enqueue())


def work(task: Task) -> None:
    """Run a worker that keeps no results."""

    async def noop(_: object, n: int) -> None:  # noqa: ARG001 - as a job has.
        if pause := task.job():
            await asyncio.sleep(pause)

    async def run() -> None:
        await Worker(
            [func(noop, name="noop")],
            redis_settings=RedisSettings.from_dsn(task.load.url),
            max_jobs=task.load.concurrency,
            poll_delay=0.01,
            keep_result=0,
        ).async_run()

    asyncio.run(run())
