"""The buttons of Sidekiq's UI (wire.md §4.5), and what they may do to whom."""

import json
import logging

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Kiq, worker
from kiq_trio.timing import Timing
from tests.journey.conftest import KiqMaker, Recorder, places


@worker()
async def sleepy(seconds: float) -> None:
    await trio.sleep(seconds)


async def press(kiq: Kiq, signal: str) -> str:
    """Press a button for the one process there is; return its name."""
    [name] = await kiq.redis.raw("SMEMBERS", "processes")
    await kiq.redis.raw("LPUSH", f"{name.decode()}-signals", signal)
    # It is heard within one beat and shown at the next.
    await trio.sleep(25)
    return str(name.decode())


async def shown_quiet(kiq: Kiq, name: str) -> bool:
    quiet = await kiq.redis.raw("HGET", name, "quiet")
    return bool(json.loads(quiet))


async def test_quiet_takes_no_more_jobs_and_says_so(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[sleepy], timing=Timing(), embedded=False) as kiq:
        await trio.sleep(1)
        name = await press(kiq, "TSTP")
        await kiq.enqueue(sleepy.new(1))
        await trio.sleep(60)

        assert recorder.names == []
        assert list(await places(kiq)) == ["queue:default"]
        assert await shown_quiet(kiq, name)


async def test_stop_ends_the_program(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(timing=Timing(), embedded=False) as kiq:
        await trio.sleep(1)
        await press(kiq, "TERM")

        with trio.fail_after(1):
            await kiq.wait_stop()


@pytest.mark.parametrize("signal", ["TSTP", "TERM"])
async def test_no_button_stops_somebody_elses_program(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
    signal: str,
) -> None:
    async with make_kiq(workers=[sleepy], timing=Timing()) as kiq:
        await trio.sleep(1)
        name = await press(kiq, signal)
        assert f"{signal} ignored" in caplog.text
        assert not await shown_quiet(kiq, name)
        assert not kiq._stop_asked.is_set()

        await kiq.enqueue(sleepy.new(1))
        await recorder.heard("Succeeded")


@pytest.mark.parametrize("embedded", [False, True])
async def test_everybody_says_what_their_tasks_are_doing(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
    embedded: bool,
) -> None:
    caplog.set_level(logging.WARNING)
    options = {"workers": [sleepy], "timing": Timing(), "embedded": embedded}
    async with make_kiq(**options) as kiq:
        await kiq.enqueue(sleepy.new(1_000))
        await recorder.heard("Started")
        await trio.sleep(1)
        await press(kiq, "TTIN")
        kiq.stop()

        assert "in sleepy" in caplog.text


async def test_what_no_button_asks_for_is_ignored(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[sleepy], timing=Timing(), embedded=False) as kiq:
        await trio.sleep(1)
        await press(kiq, "HUP")
        await kiq.enqueue(sleepy.new(1))
        await recorder.heard("Succeeded")


async def test_whoever_abandons_his_jobs_leaves_them_in_a_grave(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[sleepy], shutdown_timeout=0) as kiq:
        await kiq.enqueue(sleepy.new(1_000))
        await recorder.heard("Started")

        await kiq.abandon()

        assert await kiq.redis.raw("SCARD", "kiq:graves") == 1
        assert await kiq.redis.raw("HLEN", "kiq:processes") == 0
