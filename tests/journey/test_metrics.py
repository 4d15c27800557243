"""The Metrics tab of Sidekiq's UI shows what a whole `Kiq` has done (wire.md §5)."""

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError, Kiq, Timing, worker
from kiq_trio._store.replies import read_pairs
from tests.journey.conftest import KiqMaker, Recorder


@worker()
async def work(seconds: float) -> None:
    await trio.sleep(seconds)


@worker(retry=False)
async def fail() -> None:
    raise ValueError


async def sums(kiq: Kiq) -> dict[str, int]:
    """Return what the minutes say together, by field."""
    found: dict[str, int] = {}
    for key in await kiq.redis.raw("KEYS", "j|*|*:??"):
        for name, value in read_pairs(await kiq.redis.raw("HGETALL", key)):
            found[name.decode()] = found.get(name.decode(), 0) + int(value)
    return found


async def test_runs_are_told_with_the_heartbeat_and_the_rest_on_a_stop(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(server=False) as observer:
        async with make_kiq(workers=[work, fail], timing=Timing()) as kiq:
            await kiq.enqueue(work.new(0.25))
            await kiq.enqueue(work.new(0.5))
            await kiq.enqueue(fail.new())
            await kiq.enqueue({"class": "Unknown"})
            await trio.sleep(15)
            assert await sums(observer) == {
                "work|ms": 750,
                "work|p": 2,
                "fail|p": 1,
                "fail|f": 1,
            }
            await kiq.enqueue(work.new(0.25))
            await recorder.heard("Succeeded", 3)

        assert (await sums(observer))["work|p"] == 3


async def test_no_other_key_is_left_behind_for_sidekiq_6(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[work], timing=Timing(), sidekiq=6) as kiq:
        await kiq.enqueue(work.new(0.25))
        await trio.sleep(15)

        assert await kiq.redis.raw("KEYS", "j|*") == []
        assert await kiq.redis.raw("KEYS", "*work-*") == []


async def test_metrics_that_cannot_be_written_stop_nothing_else(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with make_kiq(workers=[work], timing=Timing()) as kiq:
        key = "h|work-15-8:0"
        for minute in range(10):
            await kiq.redis.raw("SADD", f"{key[:-1]}{minute}", "a set")
        await kiq.enqueue(work.new(0.25))
        await trio.sleep(15)

        assert int(await kiq.redis.raw("GET", "stat:processed")) == 1
        assert (await sums(kiq))["work|p"] == 1
    assert caplog.text.count("is not told how long jobs take: WRONGTYPE") == 1


async def test_a_deploy_can_be_marked_by_the_program(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False) as kiq:
        assert await kiq.mark_deploy("v1")
        assert await kiq.mark_deploy("v1")
        assert not await kiq.mark_deploy("v2")
        with pytest.raises(ConfigError, match="label must be a text"):
            await kiq.mark_deploy("")
