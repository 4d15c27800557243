"""How much memory a process has: idle, after many jobs, with many running."""

import sys

import trio

from bench import drain
from bench.children import open_child
from bench.loads import NOOP, PADDING
from bench.site import Site
from bench.stock import Stock
from bench.table import Table
from kiq_trio import Kiq

MIB = 1 << 20
_EACH = 10_000

IMPORTS = """
import gc, os, pathlib, trio, redis.asyncio
gc.collect()
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
print(pages * os.sysconf("SC_PAGE_SIZE"))
"""


async def measure(site: Site) -> Table:
    """Look at the resident memory of processes of their own."""
    await drain.empty(site.url)
    imports = await _imports()
    idle, running, many = await _running(site)
    warm, jobs = site.either((10_000, 20_000), (50_000, 1_000_000))
    before, after = await _worn(site, warm, jobs)
    name = f"{many:,} jobs running"
    return Table(
        "Memory",
        f"Resident set. Idle: more than the imports; with jobs running: more than idle;"
        f" after many jobs: more than after {warm:,} before them.",
        {
            "import trio, redis.asyncio": {"mib": imports / MIB},
            "idle": {"mib": idle / MIB, "more_mib": (idle - imports) / MIB},
            f"after {jobs:,} jobs": {
                "mib": after / MIB,
                "more_mib": (after - before) / MIB,
            },
            name: {
                "mib": running / MIB,
                "more_mib": (running - idle) / MIB,
                "kib_each": (running - idle) / many / 1024,
            },
        },
    )


async def _imports() -> int:
    done = await trio.run_process([sys.executable, "-c", IMPORTS], capture_stdout=True)
    return int(done.stdout)


async def _running(site: Site) -> tuple[int, int, int]:
    """Return the memory when idle, when many jobs run, and how many those are."""
    many = site.either(1_000, 10_000)
    async with open_child("hold", site.url, str(drain.CONCURRENCY)) as child:
        idle = (await child.hear())["resident"]
    await drain.empty(site.url)
    async with open_child("hold", site.url, str(many)) as child:
        await child.hear()
        async with Kiq(redis_url=site.url, server=False) as kiq:
            jobs = ({"class": "hold", "args": [n, PADDING]} for n in range(many))
            await kiq.enqueue_many(jobs)
        running = (await child.hear())["resident"]
    return idle, running, many


async def _worn(site: Site, warm: int, jobs: int) -> tuple[int, int]:
    """Return the memory after a warm-up, and after so many jobs more."""
    await drain.empty(site.url)
    stock = Stock(site.url)
    async with open_child("work", site.url, str(drain.CONCURRENCY)) as child:
        await child.hear()
        found = []
        for count in (warm, jobs):
            for _ in range(0, count, _EACH):
                await NOOP.fill(site.url, _EACH)
                await stock.wait_empty()
            await child.say()
            found.append((await child.hear())["resident"])
    return found[0], found[1]
