"""What a process of its own does: `python -m bench.child PART URL ...`.

It prints lines of JSON, and waits for a line whenever it has to be told to go on.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from kiq_trio import Kiq, Timing, worker

_PAGE = os.sysconf("SC_PAGE_SIZE")


def say(**found: float | str) -> None:
    """Print a line for the parent."""
    print(json.dumps(found), flush=True)


async def hear() -> None:
    """Wait for a line from the parent; its end is ours."""
    if not await trio.to_thread.run_sync(sys.stdin.readline):
        raise SystemExit(0)


def resident() -> int:
    """Return how many bytes of memory this process has."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


async def work(url: str, concurrency: str, beat: str = "5") -> None:
    """Run no-op jobs; after each line, tell how many, our CPU time and memory."""
    timing = Timing(beat=float(beat), heartbeat=2 * float(beat))
    done = 0

    @worker(name="noop")
    async def noop(n: int, padding: str) -> None:  # noqa: ARG001 - as a job has.
        nonlocal done
        done += 1

    queues = {"default": int(concurrency)}
    async with Kiq(redis_url=url, workers=[noop], queues=queues, timing=timing) as kiq:
        await kiq.wait_idle()
        while True:
            say(done=done, cpu=time.process_time(), resident=resident())
            await hear()


async def hold(url: str, concurrency: str, scale: str = "1") -> None:
    """Run jobs that never end; tell when as many run as can, and our memory."""
    running = 0
    all_run = trio.Event()

    @worker(name="hold")
    async def hold(n: int, padding: str) -> None:  # noqa: ARG001 - as a job has.
        nonlocal running
        running += 1
        if running == int(concurrency):
            all_run.set()
        await trio.sleep_forever()

    timing = Timing().scaled(float(scale))
    queues = {"default": int(concurrency)}
    async with Kiq(
        redis_url=url, workers=[hold], queues=queues, timing=timing, shutdown_timeout=0
    ):
        await trio.sleep(1.0)
        say(resident=resident())
        await all_run.wait()
        await trio.sleep(1.0)
        say(resident=resident())
        await hear()


async def first(url: str) -> None:
    """Start, and end with the first job."""
    started = trio.Event()

    @worker(name="noop")
    async def noop(n: int, padding: str) -> None:  # noqa: ARG001 - as a job has.
        started.set()

    async with Kiq(redis_url=url, workers=[noop]):
        await started.wait()


PARTS: dict[str, Callable[..., Awaitable[None]]] = {
    "work": work,
    "hold": hold,
    "first": first,
}

if __name__ == "__main__":
    # As `kiq-trio run` does.
    gc.freeze()
    trio.run(PARTS[sys.argv[1]], *sys.argv[2:])
