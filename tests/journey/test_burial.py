"""A process that others take for dead, or that Redis forgets, and what it runs."""

import logging

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio import Job, Kiq, worker
from kiq_trio._store.burying import bury
from kiq_trio._store.registering import read_counters, register
from kiq_trio._wire.clock import TrioClock
from kiq_trio.timing import Timing
from tests.journey.conftest import KiqMaker, Recorder, places
from tests.unkind import UnkindServer

TIMING = Timing()


@worker()
async def sleepy(seconds: float) -> None:
    await trio.sleep(seconds)


@worker(exclusive=True)
async def alone(seconds: float) -> None:
    await trio.sleep(seconds)


@pytest.fixture
def unkind(clock: TrioClock) -> UnkindServer:
    return UnkindServer(clock)


def options(unkind: UnkindServer, **more: object) -> dict[str, object]:
    return {
        "redis_url": unkind,
        "timing": TIMING,
        "workers": [sleepy, alone],
        "queues": {"default": 3},
        **more,
    }


def identity_of(kiq: Kiq) -> str:
    plant = kiq._running().plant
    assert plant is not None
    return plant.lease.identity


async def bury_alive(kiq: Kiq) -> None:
    """Let somebody else take *kiq* for dead, whatever it says."""
    await register(kiq.redis, "other")
    name = identity_of(kiq)
    counter = (await read_counters(kiq.redis))[name]
    assert await bury(kiq.redis, name, counter)


async def test_whoever_is_buried_runs_its_jobs_again_and_settles_none_twice(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    unkind: UnkindServer,
) -> None:
    async with make_kiq(**options(unkind)) as kiq:
        jobs = await kiq.enqueue_many([sleepy.new(60) for _ in range(5)])
        await recorder.heard("Started", times=3)
        await bury_alive(kiq)
        await recorder.heard("Interrupted", times=3)
        await kiq.wait_idle()
        assert await places(kiq) == {}

    assert recorder.names.count("Succeeded") == 5
    assert recorder.names.count("Interrupted") == 3
    done = [e.job.jid for e in recorder.events[-10:] if type(e).__name__ == "Ended"]
    assert set(done) <= {job.jid for job in jobs}


async def test_jobs_that_others_have_taken_are_not_put_back_by_us(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with make_kiq(**options(unkind)) as kiq:
        await kiq.enqueue(sleepy.new(600))
        await recorder.heard("Started")
        name = identity_of(kiq)
        await bury_alive(kiq)
        # Another process has given the job back, and a third one runs it.
        await kiq.redis.raw("DEL", f"kiq:backup|{name}")
        await recorder.heard("Interrupted")
        await wait_all_tasks_blocked()

        assert await places(kiq) == {}
        assert "ended too late" in caplog.text


async def test_a_redis_that_forgets_everything_lets_running_jobs_finish(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    unkind: UnkindServer,
) -> None:
    async with make_kiq(**options(unkind)) as kiq:
        await kiq.enqueue(sleepy.new(60))
        await recorder.heard("Started")
        name = identity_of(kiq)
        await kiq.redis.raw("FLUSHALL")
        await recorder.heard("Succeeded")
        assert recorder.names == ["Started", "Succeeded"]
        assert identity_of(kiq) != name

        await kiq.enqueue(sleepy.new(1))
        await recorder.heard("Succeeded", times=2)
        assert await places(kiq) == {}


async def test_in_a_long_outage_only_exclusive_jobs_are_interrupted(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    unkind: UnkindServer,
) -> None:
    async with make_kiq(**options(unkind)) as kiq:
        ordinary = await kiq.enqueue(sleepy.new(100))
        exclusive = await kiq.enqueue(alone.new(100))
        await recorder.heard("Started", times=2)
        unkind.go_away()
        lost_at = trio.current_time()
        await trio.sleep(TIMING.fence + 1)
        plant = kiq._running().plant
        assert plant is not None
        running = [
            Job.decode(run.delivery.payload).jid
            for run in plant.ledger.running.values()
        ]
        assert running == [ordinary.jid]

        unkind.come_back()
        await recorder.heard("Succeeded", times=2)

    interrupted = await recorder.heard("Interrupted")
    assert interrupted.job.jid == exclusive.jid
    assert recorder.names.count("Interrupted") == 1
    assert trio.current_time() - lost_at < 200


async def test_a_process_nobody_hears_of_any_more_is_succeeded_by_another(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    clock: TrioClock,
    unkind: UnkindServer,
) -> None:
    """One process is cut off for ever, another finds its jobs in time."""
    ours = options(unkind, shutdown_timeout=0)
    theirs = options(unkind, redis_url=unkind.kind_door())
    async with make_kiq(**ours) as lonely:
        job = await lonely.enqueue(alone.new(60))
        await recorder.heard("Started")
        unkind.go_away()
        cut_at = trio.current_time()
        async with make_kiq(**theirs) as other:
            await recorder.heard("Started", times=2)
            assert recorder.started() == [job.jid, job.jid]
            # Sooner than another may start it, an exclusive job has ended here.
            assert lonely._running().plant is not None
            assert not lonely._running().plant.ledger.running  # type: ignore[union-attr]  # asserted above.
            assert trio.current_time() - cut_at <= 35
            await recorder.heard("Succeeded")
            await other.wait_idle()
        unkind.come_back()

    assert recorder.names.count("Succeeded") == 1


@attrs.define
class Crowd:
    """How many runs of one job there were at once, at most."""

    now: int = 0
    most: int = 0


async def test_exclusive_runs_of_one_job_never_overlap(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    crowd = Crowd()

    @worker(exclusive=True)
    async def single() -> None:
        crowd.now += 1
        crowd.most = max(crowd.most, crowd.now)
        try:
            await trio.sleep(120)
        finally:
            crowd.now -= 1

    ours = options(unkind, workers=[single])
    theirs = options(unkind, workers=[single], redis_url=unkind.kind_door())
    async with make_kiq(**ours) as one, make_kiq(**theirs):
        await one.enqueue(single.new())
        with trio.move_on_after(3600):
            while "Succeeded" not in recorder.names:
                unkind.go_away()
                await trio.sleep(50)
                unkind.come_back()
                await trio.sleep(20)

    assert crowd.most == 1
    assert recorder.names.count("Succeeded") == 1
