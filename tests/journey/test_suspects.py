"""Jobs that came back from the dead twice begin one after the other."""

from collections.abc import Iterator

import trio
from trio.testing import MockClock

from kiq_trio import Job, Kiq, worker
from kiq_trio._pipeline.suspects import HEAD_START, STAMPS
from tests.journey.conftest import KiqMaker, Recorder, places


class Starts:
    """When jobs began, as seconds from the first."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def add(self) -> None:
        self.times.append(trio.current_time())

    def __iter__(self) -> Iterator[int]:
        return (round(time - self.times[0]) for time in self.times)


STARTS = Starts()


@worker()
async def sleepy(seconds: float) -> None:
    STARTS.add()
    await trio.sleep(seconds)


def came_back(times: int, seconds: float) -> Job:
    return sleepy.new(seconds).set(**{STAMPS: [1] * times})


async def test_those_that_came_back_twice_begin_one_after_the_other(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    STARTS.times.clear()
    async with make_kiq(workers=[sleepy]) as kiq:
        await kiq.enqueue_many([came_back(2, 60), came_back(3, 1), came_back(2, 5)])
        await kiq.wait_idle()

    assert list(STARTS) == [0, HEAD_START, HEAD_START + 1]


async def test_those_that_came_back_once_begin_together(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    STARTS.times.clear()
    async with make_kiq(workers=[sleepy]) as kiq:
        await kiq.enqueue_many([came_back(1, 60), came_back(1, 1), came_back(2, 5)])
        await kiq.wait_idle()

    assert list(STARTS) == [0, 0, 0]


async def test_none_that_waits_for_its_turn_begins_once_the_stop_has_begun(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    STARTS.times.clear()
    waiting = came_back(2, 1)
    async with make_kiq(workers=[sleepy]) as kiq:
        await kiq.enqueue_many([came_back(2, 3), waiting])
        await recorder.heard("Started", times=2)
        # The first one is named in Redis before it begins.
        await trio.sleep(1)

    assert list(STARTS) == [0]
    later: Kiq = make_kiq(server=False)
    async with later:
        [payload] = (await places(later))["queue:default"]
    assert Job.decode(payload).args == waiting.args
