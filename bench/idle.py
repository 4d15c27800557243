"""A process that has nothing to do: what it costs, how fast it wakes."""

import statistics
import time

import attrs
import trio

from bench.clock import Stopwatch
from bench.meter import Meter
from kiq_trio import Kiq, worker


@attrs.frozen
class Idle:
    """What was seen.

    Attributes:
        cpu: share of one core that an idle process takes.
        ping_us: median of a PING with the same gap before it, in microseconds.
        ping_p99_us: the slowest of a hundred of them.
        p50_us: median from before `enqueue` until the job runs.
        p99_us: the slowest of a hundred.
        p999_us: the slowest of a thousand.
        trips: round trips of a job, from `enqueue` until it is settled.
        commands: what Redis did for it, inside of scripts as well.
    """

    cpu: float
    ping_us: float
    ping_p99_us: float
    p50_us: float
    p99_us: float
    p999_us: float
    trips: float
    commands: float


async def measure(url: str, *, seconds: float, jobs: int, gap: float) -> Idle:
    """Let a `Kiq` idle for *seconds*, then give it one job after the other.

    A PING and a job take turns, and before each of them *gap* seconds pass: the longer
    a processor has slept, the longer it takes to wake.
    """
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
        meter = Meter(url)
        for _ in range(jobs):
            await trio.sleep(gap)
            began = time.perf_counter()
            await client.redis.raw("PING")
            pings.append((time.perf_counter() - began) * 1e6)
            await trio.sleep(gap)
            started = trio.Event()
            began = time.perf_counter()
            await client.enqueue(note.new())
            await started.wait()
            starts.append((started_at - began) * 1e6)
        await trio.sleep(gap)
        sample = meter.stop(jobs)
    slow = statistics.quantiles(starts, n=1000, method="inclusive")
    return Idle(
        cpu=idle.cpu / idle.seconds,
        ping_us=statistics.median(pings),
        ping_p99_us=statistics.quantiles(pings, n=100, method="inclusive")[-1],
        p50_us=statistics.median(starts),
        p99_us=slow[989],
        p999_us=slow[998],
        # Without the PINGs.
        trips=sample.trips / jobs - 1,
        commands=sample.commands / jobs - 1,
    )
