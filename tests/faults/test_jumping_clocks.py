"""Processes whose clocks are set while they run, by an hour, beside periodic jobs."""

import logging
from collections import Counter
from collections.abc import Callable
from random import Random

import attrs
import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Kiq, Timing, current_job, worker
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryServer
from kiq_trio.testing import FaultyServer
from tests.conftest import EPOCH

pytestmark = [pytest.mark.faults, pytest.mark.slow]

MINUTE, HOUR = 60.0, 3_600.0


@attrs.define
class SetClock:
    """The time of day of one process, which somebody sets."""

    right: Callable[[], float]
    shift: float = 0.0

    def __call__(self) -> float:
        return self.right() + self.shift

    async def be_set_for_ever(self, random: Random) -> None:
        while True:
            # Now and then within a second of a tick, and in the middle of it.
            await trio.sleep(random.choice([0.02, 0.5, 20, 59.99, 60, 100]))
            self.shift = random.choice([-HOUR, -1, 0, 1, HOUR])


async def test_each_tick_comes_once_and_in_time_though_the_clocks_of_processes_jump(
    autojump_clock: MockClock,
    clock: TrioClock,
    rng: Random,
    caplog: pytest.LogCaptureFixture,
    *,
    is_long: bool,
) -> None:
    minutes = 600 if is_long else 10
    caplog.set_level(logging.INFO, "kiq_trio")
    runs: Counter[int] = Counter()
    late: list[float] = []

    @worker()
    async def work() -> None:
        tick = current_job().tick
        assert tick is not None
        runs[round(tick)] += 1
        late.append(clock() - tick)

    memory = MemoryServer(clock)
    clocks = [SetClock(clock) for _ in range(3)]
    kiqs = [
        Kiq(
            redis_url=FaultyServer(memory),
            clock=one,
            random=rng.random,
            timing=Timing().scaled(2),
            workers=[work],
            # Much that is missed would all be made up for.
            periodics=[("* * * * *", work, {"catch_up": "all"})],
        )
        for one in clocks
    ]
    async with trio.open_nursery() as nursery:
        for one in clocks:
            nursery.start_soon(one.be_set_for_ever, rng)
        for kiq in kiqs:
            await nursery.start(kiq.run)
        await trio.sleep(minutes * MINUTE + 1)
        for kiq in kiqs:
            kiq.stop()
        await trio.sleep(MINUTE)
        nursery.cancel_scope.cancel()

    assert runs == {round(EPOCH + n * MINUTE): 1 for n in range(1, minutes + 1)}
    assert min(late) >= 0
    assert max(late) < 1
    assert caplog.text.count("registered as") == 3
    assert "dead" not in caplog.text
