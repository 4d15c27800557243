"""The program that tests of `kiq-trio run` start, and tell what to do by Redis."""

import os
import signal
import time
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

kiq = Kiq(
    queues={"default": 5, "low": 2},
    workers=[hold, shield, sit, die, block],
    timing=timing,
)
faulty = Kiq(workers=[sabotage], timing=timing, random=lambda: dice[0])
nothing = Ignored()
