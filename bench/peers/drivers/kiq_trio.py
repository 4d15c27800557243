"""Us: with everything that is on by default, and until the last job is settled."""

import trio

from bench.peers.drivers.gauge import Gauge, Task
from kiq_trio import Kiq, worker


@worker()
async def noop(n: int) -> None:
    """Stand for the job where it is only enqueued."""


def fill(gauge: Gauge) -> None:
    """Enqueue one by one."""

    async def enqueue() -> None:
        async with Kiq(redis_url=gauge.load.url, server=False) as kiq:
            for n in gauge.each():
                await kiq.enqueue(noop.new(n))

    trio.run(enqueue)


def fill_in_bulk(gauge: Gauge) -> None:
    """Enqueue in bulk."""

    async def enqueue() -> None:
        async with Kiq(redis_url=gauge.load.url, server=False) as kiq:
            for batch in gauge.batches():
                await kiq.enqueue_many([noop.new(n) for n in batch])

    trio.run(enqueue)


def work(task: Task) -> None:
    """Run a `Kiq`."""
    trio.run(_work, task)


async def _work(task: Task) -> None:
    leave, all_done = task.at_end, trio.Event()
    task.at_end = all_done.set

    @worker()
    async def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        if pause := task.job():
            await trio.sleep(pause)

    load = task.load
    queues = {"default": load.concurrency}
    async with Kiq(redis_url=load.url, workers=[noop], queues=queues) as kiq:
        await all_done.wait()
        await kiq.wait_idle()
        leave()
