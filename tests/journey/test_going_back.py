"""A Redis that comes back with older data says that we hold what we are done with."""

import logging

import pytest
import trio
from redis.exceptions import ResponseError
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio import Job, Kiq, worker
from kiq_trio._store.keys import backup_key
from kiq_trio._wire.clock import TrioClock
from kiq_trio.timing import Timing
from tests.journey.conftest import KiqMaker, Recorder, places
from tests.unkind import UnkindServer

TIMING = Timing()
NO_SPACE = ResponseError("MISCONF no space is left on the disk")


@worker()
async def sleepy(seconds: float) -> None:
    await trio.sleep(seconds)


@pytest.fixture
def unkind(clock: TrioClock) -> UnkindServer:
    return UnkindServer(clock)


@pytest.fixture
def kiq(make_kiq: KiqMaker, unkind: UnkindServer) -> Kiq:
    return make_kiq(
        redis_url=unkind, timing=TIMING, workers=[sleepy], queues={"default": 2}
    )


async def hold(kiq: Kiq, delivery_id: str, job: Job) -> None:
    """Let Redis say that *kiq* holds *job*."""
    plant = kiq._running().plant
    assert plant is not None
    held = b"default\n" + job.encode()
    await kiq.redis.raw("HSET", backup_key(plant.lease.identity), delivery_id, held)


async def lose_and_find(unkind: UnkindServer) -> None:
    """Let Redis be away for a moment, and give everybody time to look around."""
    unkind.go_away()
    await trio.sleep(1)
    unkind.come_back()
    await trio.sleep(2 * TIMING.observe)


async def test_what_redis_has_forgotten_to_be_done_runs_again_and_nothing_else_does(
    autojump_clock: MockClock,
    kiq: Kiq,
    unkind: UnkindServer,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with kiq:
        done = await kiq.enqueue(sleepy.new(0))
        await recorder.heard("Succeeded")
        running = await kiq.enqueue(sleepy.new(100))
        await recorder.heard("Started", 2)
        await hold(kiq, "default.1.0", done)

        with caplog.at_level(logging.WARNING, "kiq_trio.rescuer"):
            await lose_and_find(unkind)
        await recorder.heard("Succeeded", 3)
        await wait_all_tasks_blocked()

        assert recorder.started() == [done.jid, running.jid, done.jid]
        assert "backup" not in await places(kiq)
    assert "1 jobs that we were done with" in caplog.text


@pytest.mark.parametrize(
    "delivery_id", ["default.999.0", "other.1.0", "a hand's", "default.x.0"]
)
async def test_what_may_be_on_its_way_or_is_of_others_stays_where_it_is(
    autojump_clock: MockClock, kiq: Kiq, unkind: UnkindServer, delivery_id: str
) -> None:
    """A call without an answer has a number that its producer has not passed yet."""
    async with kiq:
        await kiq.redis.wait_up()
        job = sleepy.new(0)
        await hold(kiq, delivery_id, job)

        await lose_and_find(unkind)

        assert (await places(kiq))["backup"] == [job.encode()]


async def test_without_an_outage_nobody_looks(
    autojump_clock: MockClock, kiq: Kiq, recorder: Recorder
) -> None:
    async with kiq:
        done = await kiq.enqueue(sleepy.new(0))
        await recorder.heard("Succeeded")
        await hold(kiq, "default.1.0", done)

        await trio.sleep(10 * TIMING.observe)

        assert recorder.started() == [done.jid]


async def test_what_has_ended_and_cannot_be_settled_yet_is_known_to_be_ours(
    autojump_clock: MockClock,
    kiq: Kiq,
    unkind: UnkindServer,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
) -> None:

    async with kiq:
        unkind.refusal = lambda command: NO_SPACE if command[0] == "HDEL" else None
        done = await kiq.enqueue(sleepy.new(0))
        await recorder.heard("Started")
        await trio.sleep(1)

        await lose_and_find(unkind)
        unkind.refusal = lambda _: None
        await recorder.heard("Succeeded")

        assert recorder.started() == [done.jid]
    assert "gone back in time" not in caplog.text
