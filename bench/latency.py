"""From enqueueing to the start of a job, while the process is busy."""

import random
import statistics
import time

import trio

from bench import drain
from bench.clock import Row
from bench.loads import PADDING
from bench.site import Site
from bench.table import Table
from kiq_trio import Kiq, worker

SHARES = (0.1, 0.5)
_ENQUEUERS = 50
_SEED = 5


class Starts:
    """Notes when jobs start; the first argument of each is since when it is due."""

    def __init__(self) -> None:
        self.delays: list[float] = []

        @worker(name="note")
        async def note(since: float, padding: str) -> None:  # noqa: ARG001 - as a job.
            self.delays.append(time.perf_counter() - since)

        self.worker = note

    def open(self, url: str) -> Kiq:
        """Return what runs them."""
        queues = {"default": drain.CONCURRENCY}
        return Kiq(redis_url=url, workers=[self.worker], queues=queues)


def percentiles(delays: list[float]) -> Row:
    """Return the middle of *delays* and what a hundredth and a thousandth exceed."""
    cuts = statistics.quantiles(delays, n=1000, method="inclusive")
    return {
        "p50_us": cuts[499] * 1e6,
        "p99_us": cuts[989] * 1e6,
        "p999_us": cuts[998] * 1e6,
    }


async def measure(site: Site) -> Table:
    """Find out what one process can do, then offer it a share of that."""
    seconds = site.either(1.0, 10.0)
    await drain.empty(site.url)
    most = await _busy(site.url, seconds)
    rows = {}
    for share in SHARES:
        delays = await _paced(site.url, most * share, seconds)
        offered = {"offered": most * share}
        rows[f"{share:.0%} of what it can do"] = offered | percentiles(delays)
    return Table(
        "Enqueue to start under load",
        "One process enqueues and runs; jobs come at random, each by an `enqueue` of"
        " its own. Counted from when a job was to come, even if it came late.",
        rows,
    )


async def _busy(url: str, seconds: float) -> float:
    """Return how many jobs a second are enqueued and run at most."""
    starts = Starts()
    async with starts.open(url) as kiq:

        async def enqueue_on() -> None:
            while True:
                await kiq.enqueue(starts.worker.new(time.perf_counter(), PADDING))

        began = time.perf_counter()
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                for _ in range(_ENQUEUERS):
                    nursery.start_soon(enqueue_on)
        await kiq.wait_idle()
        return len(starts.delays) / (time.perf_counter() - began)


async def _paced(url: str, rate: float, seconds: float) -> list[float]:
    """Offer *rate* jobs a second; return how long each waited."""
    starts, chance = Starts(), random.Random(_SEED)  # noqa: S311 - no secret.
    async with starts.open(url) as kiq, trio.open_nursery() as nursery:
        due = time.perf_counter()
        end = due + seconds
        while (due := due + chance.expovariate(rate)) < end:
            left = due - time.perf_counter()
            # Late, it does not wait for the others: so many came in the meantime.
            if left > 0:
                await trio.sleep(left)
            nursery.start_soon(kiq.enqueue, starts.worker.new(due, PADDING))
        # So that the last are stored before it is asked whether any wait.
        await trio.sleep(0.1)
        await kiq.wait_idle()
    return starts.delays
