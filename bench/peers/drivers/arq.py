"""arq, polling for new jobs each 10 ms instead of each 500 ms."""

import asyncio

import arq
from arq.connections import RedisSettings
from arq.worker import Worker, func

from bench.peers.drivers.gauge import Gauge, Load


def fill(load: Load) -> None:
    """Enqueue one by one; it has no other way."""

    async def enqueue() -> None:
        pool = await arq.create_pool(RedisSettings.from_dsn(load.url))
        for n in range(load.total):
            await pool.enqueue_job("noop", n)
        await pool.aclose()

    asyncio.run(enqueue())


def drain(gauge: Gauge) -> None:
    """Run a worker that keeps no results."""

    async def noop(_: object, n: int) -> None:  # noqa: ARG001 - as a job has.
        gauge.job()

    async def run() -> None:
        await Worker(
            [func(noop, name="noop")],
            redis_settings=RedisSettings.from_dsn(gauge.load.url),
            max_jobs=gauge.load.concurrency,
            poll_delay=0.01,
            keep_result=0,
        ).async_run()

    asyncio.run(run())
