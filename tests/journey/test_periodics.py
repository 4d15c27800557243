"""A `Kiq` with jobs that come again and again."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError, FunctionWorker, periodic, worker
from kiq_trio.events import Started
from tests.conftest import EPOCH
from tests.journey.conftest import KiqMaker, Recorder

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


@pytest.fixture
def done() -> list[tuple[Any, ...]]:
    return []


@pytest.fixture
def work(done: list[tuple[Any, ...]]) -> FunctionWorker[..., Any]:
    @worker()
    async def work(*args: Any) -> None:
        done.append(args)

    return work


async def test_a_periodic_job_runs_as_its_options_say(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    work: FunctionWorker[..., Any],
    done: list[tuple[Any, ...]],
) -> None:
    periodics = [
        ("*/30 * * * *", work),
        ("0 * * * *", work, {"queue": "low", "retry": 1, "args": ["hourly"]}),
    ]
    async with make_kiq(
        workers=[work], periodics=periodics, queues={"default": 1, "low": 1}
    ):
        await trio.sleep(HOUR + 1)

    assert sorted(done) == [(), (), ("hourly",)]
    jobs = [one.job for one in recorder.events if isinstance(one, Started)]
    assert {(job.queue, job.retry) for job in jobs} == {("default", True), ("low", 1)}
    assert {job.tick for job in jobs} == {EPOCH + HOUR / 2, EPOCH + HOUR}


async def test_a_worker_may_say_itself_when_it_runs(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    @periodic("0 6 * * *", timezone="Europe/Berlin")
    @worker()
    async def wake_up() -> None: ...

    async with make_kiq(workers=[wake_up]):
        await recorder.heard("Succeeded")

        # It was nine o'clock in Berlin when we began.
        assert trio.current_time() == pytest.approx(21 * HOUR, abs=1)


@pytest.mark.slow
async def test_a_year_of_a_daily_job_takes_less_than_a_second(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    work: FunctionWorker[..., Any],
    done: list[tuple[Any, ...]],
) -> None:
    # Of three, the quickest: others may want the processor too.
    seconds = []
    for _ in range(3):
        began = time.process_time()
        async with make_kiq(workers=[work], periodics=[("0 0 * * *", work)]):
            await trio.sleep(365 * DAY)
        seconds.append(time.process_time() - began)

    assert len(done) == 3 * 365
    assert min(seconds) < 1


async def test_two_instances_run_each_tick_once_and_so_does_the_next_one(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    work: FunctionWorker[..., Any],
    done: list[tuple[Any, ...]],
) -> None:
    options: dict[str, Any] = {
        "workers": [work],
        "periodics": [("* * * * *", work, {"catch_up": "all"})],
    }
    async with make_kiq(**options), make_kiq(**options):
        await trio.sleep(10 * MINUTE + 1)
    await trio.sleep(10 * MINUTE)
    async with make_kiq(**options):
        await trio.sleep(10 * MINUTE)

    assert len(done) == 30


async def test_one_that_is_paused_does_not_run_until_it_is_resumed(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    work: FunctionWorker[..., Any],
    done: list[tuple[Any, ...]],
) -> None:
    periodics = [("* * * * *", work, {"name": "minutely", "catch_up": "all"})]
    async with make_kiq(workers=[work], periodics=periodics) as kiq:
        assert await kiq.pause_periodic("minutely")
        assert not await kiq.pause_periodic("minutely")
        await trio.sleep(10 * MINUTE + 1)
        assert done == []
        [listed] = await kiq.list_periodics()
        assert listed.is_paused
        assert listed.last_tick == EPOCH + 10 * MINUTE

        assert await kiq.resume_periodic("minutely")
        await trio.sleep(2 * MINUTE)

        assert len(done) == 2


async def test_one_of_another_process_can_be_paused_and_an_unknown_one_not(
    autojump_clock: MockClock, make_kiq: KiqMaker, work: FunctionWorker[..., Any]
) -> None:
    async with (
        make_kiq(workers=[work], periodics=[("@daily", work, {"name": "theirs"})]),
        make_kiq(workers=[work]) as ours,
    ):
        await trio.sleep(1)

        assert await ours.pause_periodic("theirs")
        with pytest.raises(ConfigError, match=r"called 'their' \(known: theirs\)"):
            await ours.pause_periodic("their")


async def test_a_client_lets_no_time_pass(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    work: FunctionWorker[..., Any],
) -> None:
    periodics = [("* * * * *", work)]
    async with make_kiq(server=False, periodics=periodics) as kiq:
        await trio.sleep(HOUR)

        assert await kiq.redis.raw("KEYS", "*") == []


@pytest.mark.slow
async def test_it_runs_at_the_hour_of_its_time_zone_all_year_round(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    @periodic("30 2 * * *", timezone="Europe/Berlin")
    @worker()
    async def work() -> None: ...

    async with make_kiq(workers=[work]):
        await trio.sleep(365 * DAY)

    ticks = [
        datetime.fromtimestamp(one.job.tick or 0, UTC)
        for one in recorder.events
        if isinstance(one, Started)
    ]
    assert len(ticks) == 365
    # In summer, in winter, and in the night that has no half past two.
    assert {f"{tick:%H:%M}" for tick in ticks} == {"00:30", "01:30", "01:00"}
    assert [f"{t:%d.%m.}" for t in ticks if t.minute == 0] == ["28.03."]
