"""A process that has nothing to do: what it costs, how fast it wakes."""

import statistics
import time

import attrs
import trio

from bench.clock import Stopwatch
from kiq_trio import Kiq, worker

GAP = 0.02
"""Seconds between two jobs: long enough to be idle again."""


@attrs.frozen
class Idle:
    """What was seen.

    Attributes:
        cpu: share of one core spent while idle.
        ping_us: median of a PING with the same gaps, in microseconds.
        start_us: median from before `enqueue` until the job runs.
        start_p99_us: the slowest of a hundred.
    """

    cpu: float
    ping_us: float
    start_us: float
    start_p99_us: float


async def measure(url: str, *, seconds: float, jobs: int) -> Idle:
    """Let a `Kiq` idle for a while, then give it one job after the other."""
    started_at = 0.0
    started = trio.Event()

    @worker()
    async def note() -> None:
        nonlocal started_at
        started_at = time.perf_counter()
        started.set()

    async with (
        Kiq(redis_url=url, workers=[note]) as kiq,
        Kiq(redis_url=url, server=False) as client,
    ):
        await kiq.wait_idle()
        await trio.sleep(0.5)
        watch = Stopwatch.start()
        await trio.sleep(seconds)
        idle = watch.stop(1)
        pings, starts = [], []
        for _ in range(jobs):
            await trio.sleep(GAP)
            began = time.perf_counter()
            await client.redis.raw("PING")
            pings.append(time.perf_counter() - began)
            await trio.sleep(GAP)
            started = trio.Event()
            began = time.perf_counter()
            await client.enqueue(note.new())
            await started.wait()
            starts.append(started_at - began)
    return Idle(
        cpu=idle.cpu / idle.seconds,
        ping_us=statistics.median(pings) * 1e6,
        start_us=statistics.median(starts) * 1e6,
        start_p99_us=statistics.quantiles(starts, n=100)[-1] * 1e6,
    )
