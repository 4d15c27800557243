"""How long the jobs of a killed process wait until another runs them."""

import time

import trio

from bench import drain
from bench.children import open_child
from bench.clock import Row
from bench.loads import PADDING
from bench.site import Site
from bench.table import Table
from kiq_trio import Kiq, Timing, worker

JOBS = 20


async def measure(site: Site) -> Table:
    """Kill a process that runs jobs, beside one that waits for work."""
    scale = site.either(0.1, 1.0)
    rows: dict[str, Row] = {}
    rows[f"{JOBS} jobs, by default"] = await _kill(site.url, scale)
    timing = Timing().scaled(scale)
    return Table(
        "After kill -9",
        f"From the kill until another process starts the jobs again; a process counts"
        f" as dead when it has not beaten for {timing.burial:g} s.",
        rows,
    )


async def _kill(url: str, scale: float) -> Row:
    await drain.empty(url)
    starts: list[float] = []
    all_run = trio.Event()

    @worker(name="hold")
    async def hold(n: int, padding: str) -> None:  # noqa: ARG001 - as a job has.
        starts.append(time.perf_counter())
        if len(starts) == JOBS:
            all_run.set()

    timing = Timing().scaled(scale)
    async with open_child("hold", url, str(JOBS), str(scale)) as child:
        await child.hear()
        async with Kiq(redis_url=url, server=False) as kiq:
            jobs = [{"class": "hold", "args": [n, PADDING]} for n in range(JOBS)]
            await kiq.enqueue_many(jobs)
        await child.hear()
        async with Kiq(redis_url=url, workers=[hold], timing=timing):
            # So long that the dead one has been seen alive.
            await trio.sleep(2 * timing.beat)
            child.process.kill()
            killed_at = time.perf_counter()
            with trio.fail_after(10 * timing.burial):
                await all_run.wait()
    return {"first": starts[0] - killed_at, "last": starts[-1] - killed_at}
