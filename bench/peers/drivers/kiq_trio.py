"""Us: with everything that is on by default, and until the last job is settled."""

import trio

from bench.peers.drivers.gauge import Gauge, Load
from kiq_trio import Kiq, worker


def fill(load: Load) -> None:
    """Enqueue in bulk."""
    trio.run(_fill, load)


async def _fill(load: Load) -> None:
    async with Kiq(redis_url=load.url, server=False) as kiq:
        await kiq.enqueue_many(
            [{"class": "noop", "args": [n]} for n in range(load.total)]
        )


def drain(gauge: Gauge) -> None:
    """Run a `Kiq`."""
    trio.run(_drain, gauge)


async def _drain(gauge: Gauge) -> None:
    all_done = trio.Event()

    @worker()
    async def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        if gauge.tick():
            all_done.set()

    load = gauge.load
    queues = {"default": load.concurrency}
    async with Kiq(redis_url=load.url, workers=[noop], queues=queues) as kiq:
        await all_done.wait()
        await kiq.wait_idle()
        gauge.finish()
