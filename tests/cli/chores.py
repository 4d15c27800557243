"""The program that tests of `kiq-trio run` start, and tell what to do by Redis."""

import time

import attrs
import trio

from kiq_trio import Kiq, Timing, worker


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


async def tell(what: str) -> None:
    await kiq.redis.rpush("heard", what)


kiq = Kiq(
    queues={"default": 5, "low": 2},
    workers=[hold, shield, sit],
    # A machine under test may be slow to answer; nothing depends on that.
    timing=attrs.evolve(Timing().scaled(1 / 20), command=5.0),
)
