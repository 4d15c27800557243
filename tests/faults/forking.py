"""A program whose jobs fork, in every way, between jobs that do not.

    python -m tests.faults.forking URL NAPS

Each kind of job that forks comes behind so many that do not. It says which process has
run each of these, a line for each, and then as JSON how each child ended, by job class.
"""

import json
import logging
import multiprocessing
import os
import sys
from collections.abc import Awaitable, Callable

import trio

from kiq_trio import Kiq, worker
from kiq_trio.worker import AnyWorker

ended: dict[str, int] = {}


async def fork(name: str, go_on: Callable[[], Awaitable[None]]) -> None:
    """Let a child *go_on*, and wait until it has ended."""
    pid = os.fork()
    if not pid:
        await go_on()
        return
    ended[name] = await trio.to_thread.run_sync(wait_for, pid)


def wait_for(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@worker(retry=0)
async def returns() -> None:
    async def go_on() -> None:
        pass

    await fork("returns", go_on)


@worker(retry=0)
async def exits() -> None:
    async def go_on() -> None:
        sys.exit("this is caught, as whatever a job raises")

    await fork("exits", go_on)


@worker(retry=0)
async def sleeps() -> None:
    async def go_on() -> None:
        await trio.sleep(1)

    await fork("sleeps", go_on)


@worker(retry=0)
async def enqueues() -> None:
    async def go_on() -> None:
        await kiq.enqueue(nap.new())

    await fork("enqueues", go_on)


@worker(retry=0)
async def asks() -> None:
    async def go_on() -> None:
        await kiq.redis.raw("SET", "asked", "by a child")

    await fork("asks", go_on)


@worker(retry=0)
async def forks_in_a_task() -> None:
    async def go_on() -> None:
        pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fork, "forks_in_a_task", go_on)


@worker(retry=0)
def returns_in_a_thread() -> None:
    pid = os.fork()
    if pid:
        ended["returns_in_a_thread"] = wait_for(pid)


@worker(retry=0)
async def does_as_it_should() -> None:
    async def go_on() -> None:
        os._exit(7)

    await fork("does_as_it_should", go_on)


@worker(retry=0)
async def uses_multiprocessing() -> None:
    process = multiprocessing.get_context("fork").Process(target=sys.exit, args=(5,))
    process.start()
    await trio.to_thread.run_sync(process.join)
    ended["uses_multiprocessing"] = process.exitcode or 0


@worker(retry=0)
async def nap() -> None:
    await trio.sleep(0.01)
    os.write(1, f"{os.getpid()}\n".encode())


FORKING: list[AnyWorker] = [
    returns,
    exits,
    sleeps,
    enqueues,
    asks,
    forks_in_a_task,
    returns_in_a_thread,
    does_as_it_should,
    uses_multiprocessing,
]

url, naps = sys.argv[1:]
kiq = Kiq(redis_url=url, queues={"default": 5}, workers=[nap, *FORKING])


async def main() -> None:
    async with kiq:
        for forking in FORKING:
            await kiq.enqueue_many([nap.new() for _ in range(int(naps))])
            await kiq.enqueue(forking.new())
        await kiq.wait_idle()
    sys.stdout.write(json.dumps(ended))


logging.basicConfig(level=logging.INFO, format="%(process)d %(levelname)s %(message)s")
logging.getLogger("kiq_trio.jobs").setLevel(logging.ERROR)
trio.run(main)
