"""The program that tests of `kiq-trio run` start, and tell what to do by Redis."""

import gc
import multiprocessing
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import trio

from kiq_trio import IGNORE, Kiq, Timing, worker
from kiq_trio._layers import Answer


@worker()
async def hold(name: str) -> None:
    """Run until the test says so."""
    await tell(f"{name} began")
    await kiq.redis.blpop([f"release {name}"])
    await tell(f"{name} ended")


@worker()
async def count_kept(name: str) -> None:
    """Tell how many objects Python does not look at when it looks for garbage."""
    await tell(f"{name}: {gc.get_freeze_count()}")


@worker()
async def shield(name: str) -> None:
    """Do not hear the cancellation."""
    with trio.CancelScope(shield=True):
        await tell(f"{name} began")
        await trio.sleep_forever()


@worker()
def sit(name: str) -> None:
    """Sit in a thread, where nobody can be cancelled."""
    trio.from_thread.run(tell, f"{name} began")
    time.sleep(600)


@worker()
async def block(name: str) -> None:
    """Let nothing else run in this process, for long."""
    await tell(f"{name} began")
    time.sleep(600)  # noqa: ASYNC251 - that is the point.


@worker()
async def sabotage(name: str) -> None:
    """Let a service of ours raise, and do not hear that it did."""
    with trio.CancelScope(shield=True):
        await faulty.redis.rpush("heard", f"{name} began")
        dice.clear()
        await trio.sleep_forever()


@worker()
async def leave_thread(name: str) -> None:
    """Leave a thread behind, for which Python waits at its end."""
    threading.Thread(target=time.sleep, args=(600,), name=name).start()
    await tell(f"{name} began")


@worker()
def leave_child(name: str) -> None:
    """Leave a process behind, for which Python waits at its end."""
    context = multiprocessing.get_context("fork")
    child = context.Process(target=time.sleep, args=(600,), name=name)
    child.start()
    trio.from_thread.run(tell, str(child.pid))


@worker()
async def leave_program(name: str) -> None:
    """Leave another program behind, which nobody would hear of."""
    child = subprocess.Popen(["sleep", "600"])  # noqa: ASYNC220 - it begins at once.
    await tell(str(child.pid))


@worker()
async def leave_pool(name: str) -> None:
    """Leave threads behind that end when Python does."""
    pools.append(ThreadPoolExecutor(1))
    pools[0].submit(str).result()
    await tell(f"{name} began")


@worker()
def die(name: str) -> None:
    """Take the whole process along."""
    os.kill(os.getpid(), signal.SIGKILL)


async def tell(what: str) -> None:
    await kiq.redis.rpush("heard", what)


class Ignored(Kiq):
    """Does not start."""

    def init(self, opts: dict[str, Any]) -> Answer:
        return IGNORE


# A machine under test may be slow to answer; nothing depends on that.
timing = attrs.evolve(Timing().scaled(1 / 20), command=5.0)
dice = [0.5]
pools: list[ThreadPoolExecutor] = []

kiq = Kiq(
    queues={"default": 5, "low": 2},
    workers=[
        hold,
        count_kept,
        shield,
        sit,
        die,
        block,
        leave_thread,
        leave_child,
        leave_program,
        leave_pool,
    ],
    timing=timing,
)
faulty = Kiq(workers=[sabotage], timing=timing, random=lambda: dice[0])
nothing = Ignored()
