"""A job with a deadline has ended then, or ends without a run."""

from datetime import UTC, datetime
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError, Ended, JobTimeoutError, worker
from kiq_trio._fields import to_ms
from kiq_trio._wire.clock import TrioClock
from tests.journey.conftest import KiqMaker, Recorder, places


@worker()
async def sleepy(seconds: float) -> None:
    await trio.sleep(seconds)


@worker()
async def deaf(seconds: float) -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep(seconds)


@worker(timeout=5)
async def limited(seconds: float) -> None:
    await trio.sleep(seconds)


@worker()
async def failing() -> None:
    raise ValueError("mine")


seen: list[float] = []


@worker()
async def curious() -> None:
    seen.append(trio.current_effective_deadline() - trio.current_time())


WORKERS = [sleepy, deaf, limited, failing, curious]


async def outcome(recorder: Recorder, name: str) -> Any:
    event = await recorder.heard(name)
    assert isinstance(event, Ended)
    return event.outcome


async def test_a_job_that_still_runs_at_its_deadline_is_aborted(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    clock: TrioClock,
) -> None:
    async with make_kiq(workers=WORKERS) as kiq:
        await kiq.enqueue(sleepy.new(1_000), deadline=clock() + 10)

        aborted = await outcome(recorder, "Aborted")

        assert aborted.reason == "deadline"
        assert aborted.took == pytest.approx(10, abs=0.1)
        await kiq.wait_idle()
        assert await places(kiq) == {}


async def test_not_even_a_swallowed_cancellation_makes_it_a_success(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    clock: TrioClock,
) -> None:
    async with make_kiq(workers=WORKERS) as kiq:
        await kiq.enqueue(deaf.new(20), deadline=clock() + 10)

        aborted = await outcome(recorder, "Aborted")

        assert aborted.reason == "deadline"
        assert aborted.took == pytest.approx(20, abs=0.1)
        await kiq.wait_idle()
        assert recorder.names == ["Started", "Aborted"]


async def test_a_job_whose_deadline_has_passed_is_not_run(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    clock: TrioClock,
) -> None:
    async with make_kiq(workers=WORKERS, queues={"default": 1}) as kiq:
        await kiq.enqueue(sleepy.new(100))
        await kiq.enqueue(sleepy.new(1), deadline=clock() + 50)
        await kiq.enqueue(sleepy.new(1).set(kiq_deadline=to_ms(clock() - 1)))
        await kiq.enqueue(sleepy.new(1), deadline=clock() + 150)
        await trio.sleep(200)

    assert recorder.names.count("Aborted") == 2
    assert recorder.names.count("Succeeded") == 2
    assert recorder.names.count("Started") == 2


async def test_the_job_sees_its_deadline_and_no_other_does(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    clock: TrioClock,
) -> None:
    seen.clear()
    async with make_kiq(workers=WORKERS) as kiq:
        await kiq.enqueue(curious.new(), deadline=clock() + 90)
        await recorder.heard("Succeeded")
        await kiq.enqueue(curious.new())
        await recorder.heard("Succeeded", 2)

    assert seen[0] == pytest.approx(90, abs=0.1)
    assert seen[1] > 1e6


async def test_a_timeout_before_the_deadline_is_a_failure(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    clock: TrioClock,
) -> None:
    async with make_kiq(workers=WORKERS) as kiq:
        await kiq.enqueue(limited.new(10), deadline=clock() + 100)

        assert isinstance((await outcome(recorder, "Failed")).error, JobTimeoutError)


async def test_no_retry_waits_for_a_time_after_the_deadline(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    clock: TrioClock,
) -> None:
    deaths: list[str] = []
    async with make_kiq(
        workers=WORKERS, on_death=[lambda job, _: deaths.append(job.jid)]
    ) as kiq:
        # The first retry comes after 15 to 25 s, the second at least 16 s later.
        job = await kiq.enqueue(failing.new(), deadline=clock() + 30)
        await recorder.heard("Failed")
        await kiq.wait_idle()
        assert list(await places(kiq)) == ["retry"]
        assert deaths == []
        await recorder.heard("Failed", 2)
        await kiq.wait_idle()

        assert await places(kiq) == {}
        assert deaths == [job.jid]


async def test_a_stop_before_the_deadline_puts_the_job_back(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    clock: TrioClock,
) -> None:
    async with make_kiq(workers=WORKERS, shutdown_timeout=1) as kiq:
        await kiq.enqueue(sleepy.new(1_000), deadline=clock() + 500)
        await recorder.heard("Started")

    assert recorder.names == ["Started", "Interrupted"]
    async with make_kiq(server=False) as later:
        assert list(await places(later)) == ["queue:default"]


async def test_a_deadline_is_a_moment_after_the_job_is_due(
    autojump_clock: MockClock, make_kiq: KiqMaker, clock: TrioClock
) -> None:
    async with make_kiq(server=False) as kiq:
        for wrong, message in (
            ("soon", "deadline must be epoch seconds or an aware datetime, got 'soon'"),
            (True, "deadline must be epoch seconds"),
            (float("nan"), "deadline must be a time, got nan"),
            (datetime(2027, 1, 1), "deadline must have a time zone"),  # noqa: DTZ001 - that is the test.
        ):
            with pytest.raises(ConfigError, match=message):
                await kiq.enqueue(sleepy.new(1), deadline=wrong)  # type: ignore[arg-type]  # likewise.
        with pytest.raises(ConfigError, match="deadline must be after the job is due"):
            await kiq.enqueue(sleepy.new(1), in_=60, deadline=clock() + 59)
        assert await places(kiq) == {}

        aware = datetime.fromtimestamp(clock() + 90, UTC)
        job = await kiq.enqueue({"class": "sleepy"}, in_=60, deadline=aware)
        [other] = await kiq.enqueue_many([sleepy.new(1)], deadline=aware)
        third = kiq.enqueue_nowait(sleepy.new(1), deadline=aware)

        assert {one.deadline for one in (job, other, third)} == {aware.timestamp()}
