"""A job is cancelled from anywhere, wherever it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio import Aborted, ConfigError, Ended, Kiq, worker
from kiq_trio._wire.seam import Server
from tests.journey.conftest import KiqMaker, Recorder, places


@worker()
async def sleepy(seconds: float) -> None:
    await trio.sleep(seconds)


@worker()
async def deaf(seconds: float) -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep(seconds)


@worker()
async def sulky() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise ValueError("in a bad mood")


@worker()
async def failing() -> None:
    raise ValueError("mine")


@worker()
def threaded() -> None:
    while True:
        trio.from_thread.check_cancelled()


WORKERS = [sleepy, deaf, sulky, failing, threaded]


async def ended(recorder: Recorder, name: str = "Aborted", times: int = 1) -> Any:
    event = await recorder.heard(name, times)
    assert isinstance(event, Ended)
    return event.outcome


@asynccontextmanager
async def running(make_kiq: KiqMaker, **options: Any) -> AsyncIterator[Kiq]:
    async with make_kiq(workers=WORKERS, queues={"default": 2}, **options) as kiq:
        yield kiq


async def test_a_running_job_is_cancelled_and_done_with(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with running(make_kiq) as kiq, make_kiq(server=False) as client:
        victim = await client.enqueue(sleepy.new(1_000))
        other = await client.enqueue(sleepy.new(50))
        await recorder.heard("Started", 2)
        await trio.sleep(10)

        assert await client.cancel(victim.jid, reason="not needed") == "running"

        aborted = await ended(recorder)
        assert (aborted.reason, aborted.detail) == ("cancelled", "not needed")
        assert aborted.took == pytest.approx(10, abs=0.1)
        assert trio.current_time() < 50
        await kiq.wait_idle()
        assert recorder.names.count("Succeeded") == 1
        assert other.jid in recorder.started()
        assert await places(kiq) == {}
        assert await client.cancel(victim.jid) == "unknown"


async def test_a_job_that_raises_when_it_is_cancelled_is_not_retried(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with running(make_kiq) as kiq:
        job = await kiq.enqueue(sulky.new())
        await recorder.heard("Started")

        assert await kiq.cancel(job.jid) == "running"

        assert (await ended(recorder)).reason == "cancelled"
        await kiq.wait_idle()
        assert await places(kiq) == {}


async def test_a_job_that_does_not_hear_it_is_what_it_made_of_itself(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with running(make_kiq) as kiq:
        job = await kiq.enqueue(deaf.new(100))
        await recorder.heard("Started")

        assert await kiq.cancel(job.jid) == "running"

        assert (await ended(recorder, "Succeeded")).took == pytest.approx(100, abs=0.1)
        # Its consumer goes on with others as before.
        for _ in range(4):
            await kiq.enqueue(sleepy.new(1))
        await kiq.wait_idle()
        assert recorder.names.count("Succeeded") == 5


async def test_a_thread_hears_it_when_it_asks(
    make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with running(make_kiq) as kiq:
        job = await kiq.enqueue(threaded.new())
        await recorder.heard("Started")

        assert await kiq.cancel(job.jid) == "running"

        with trio.fail_after(10):
            assert (await ended(recorder)).reason == "cancelled"


async def test_a_job_that_waits_is_deleted_and_nobody_hears_of_it(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(server=False) as client:
        for when in ({}, {"in_": 60}):
            job = await client.enqueue(sleepy.new(1), **when)
            assert await client.cancel(job.jid) == "waiting"
        assert await places(client) == {}

        async with running(make_kiq):
            await trio.sleep(120)

    assert recorder.names == []


async def test_a_retry_is_cancelled(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with running(make_kiq) as kiq:
        job = await kiq.enqueue(failing.new())
        await recorder.heard("Failed")

        assert await kiq.cancel(job.jid) == "waiting"

        await trio.sleep(1_000)
        assert recorder.names == ["Started", "Failed"]
        assert await places(kiq) == {}


async def test_a_copy_that_comes_after_the_order_is_not_run(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with running(make_kiq) as kiq:
        job = await kiq.enqueue(sleepy.new(1), in_=60)
        assert await kiq.cancel(job.jid, reason="no") == "waiting"
        # Somebody who had it in hand puts it back, as a rescuer would.
        await kiq.redis.raw("LPUSH", "queue:default", job.encode())

        assert await ended(recorder) == Aborted("cancelled", 0.0, "no")
        assert "Started" not in recorder.names


async def test_a_process_that_starts_later_knows_what_was_cancelled(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(server=False) as client:
        job = await client.enqueue(sleepy.new(1))
        await client.cancel(job.jid)
        await trio.sleep(600)
        await client.redis.raw("LPUSH", "queue:default", job.encode())
        async with running(make_kiq):
            assert (await ended(recorder)).reason == "cancelled"


async def test_the_same_name_may_be_used_again_later(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with running(make_kiq) as kiq:
        await kiq.enqueue(sleepy.new(1).set(jid="mine"), in_=60)
        assert await kiq.cancel("mine") == "waiting"
        await trio.sleep(61)

        await kiq.enqueue(sleepy.new(1).set(jid="mine"))

        await recorder.heard("Succeeded")


async def test_a_job_without_a_name_cannot_be_cancelled(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False) as kiq:
        for name in ("", None):
            with pytest.raises(ConfigError, match="jid must be the name of a job"):
                await kiq.cancel(name)  # type: ignore[arg-type]  # that is the test.


async def test_whoever_is_cancelled_and_stopped_at_once_is_cancelled(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with running(make_kiq, shutdown_timeout=0) as kiq:
        job = await kiq.enqueue(sleepy.new(1_000))
        await recorder.heard("Started")
        await kiq.cancel(job.jid)
        await wait_all_tasks_blocked()

    assert recorder.names == ["Started", "Aborted"]


async def test_from_one_process_to_another(server: Server, recorder: Recorder) -> None:
    async with (
        Kiq(redis_url=server, workers=WORKERS, extra_reporters=[recorder]) as one,
        Kiq(redis_url=server, server=False) as two,
    ):
        job = await two.enqueue(sleepy.new(1_000))
        await recorder.heard("Started")
        with trio.fail_after(20):
            assert await two.cancel(job.jid, reason="enough") == "running"
            outcome = await ended(recorder)
        assert (outcome.reason, outcome.detail) == ("cancelled", "enough")
        await one.wait_idle()
