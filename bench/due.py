"""Very many jobs that become due at one moment."""

import time

import trio

from bench import drain
from bench.children import open_child
from bench.clock import Row
from bench.loads import PADDING
from bench.site import Site
from bench.stock import Stock
from bench.table import Table
from kiq_trio import Kiq

BEAT = 0.1
_GLANCE = 0.005


async def measure(site: Site) -> Table:
    """Watch a process stage them, and whether it goes on beating."""
    count = site.either(10_000, 100_000)
    return Table(
        f"{count:,} jobs become due at once",
        f"Until the last is in its queue, while one process stages and runs them. It"
        f" beats each {BEAT:g} s, by a thread, and tells the Web UI how it is each"
        f" {2 * BEAT:g} s, by its loop: the longest gaps of both. CPU: per job, of all"
        f" that it did.",
        {"one process": await _stage(site.url, count)},
    )


async def _stage(url: str, count: int) -> Row:
    await drain.empty(url)
    stock = Stock(url)
    async with open_child("work", url, str(drain.CONCURRENCY), str(BEAT)) as child:
        before = (await child.hear())["cpu"]
        due_at = await schedule(url, count)
        await trio.sleep(max(0.0, due_at - 1 - time.time()))
        gaps = Gaps()
        while time.time() < due_at or stock.waiting("schedule"):
            gaps.look(stock.beats())
            await trio.sleep(_GLANCE)
        seconds = time.time() - due_at
        await stock.wait_empty()
        await child.say()
        cpu = (await child.hear())["cpu"] - before
    beats, shown = gaps.longest
    return {
        "seconds": seconds,
        "cpu_us": cpu / count * 1e6,
        "gap": beats,
        "ui_gap": shown,
    }


async def schedule(url: str, count: int) -> float:
    """Schedule *count* no-op jobs for one moment; return it, in epoch seconds."""
    due_at = time.time() + 2 + count / 5_000
    jobs = ({"class": "noop", "args": [n, PADDING]} for n in range(count))
    async with Kiq(redis_url=url, server=False) as kiq:
        await kiq.enqueue_many(jobs, at=due_at)
    return due_at


class Gaps:
    """The longest times for which something did not change."""

    def __init__(self) -> None:
        self.longest = [0.0, 0.0]
        self._last: list[object] = [None, None]
        self._since = [time.monotonic()] * 2

    def look(self, things: tuple[object, object]) -> None:
        """Compare *things* with what they were."""
        now = time.monotonic()
        for place, thing in enumerate(things):
            if thing != self._last[place]:
                self._last[place], self._since[place] = thing, now
            self.longest[place] = max(self.longest[place], now - self._since[place])
