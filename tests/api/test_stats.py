"""`api.Stats`: the numbers of Sidekiq's dashboard."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from kiq_trio import ConfigError, Redis, api
from tests.store.chores import lie_in, payload, wait_in


async def test_everything_is_counted_under_rubys_names(redis: Redis) -> None:
    seconds, _ = await redis.raw("TIME")
    since = (int(seconds) - 100) * 1000
    await wait_in(redis, "mail", payload("a"))
    await wait_in(redis, "default", payload("b", enqueued_at=since), payload("c"))
    await lie_in(redis, "retry", payload("d"))
    await redis.raw("SET", "stat:processed", 7)
    await redis.raw("SET", "stat:failed", 2)

    stats = await api.Stats.read(redis)

    assert (stats.processed, stats.failed, stats.enqueued) == (7, 2, 3)
    assert (stats.scheduled_size, stats.retry_size, stats.dead_size) == (0, 1, 0)
    assert (stats.processes_size, stats.workers_size) == (0, 0)
    assert stats.default_queue_latency == pytest.approx(100, abs=30)
    assert list(stats.queues.items()) == [("default", 2), ("mail", 1)]
    assert [one.name for one in stats.queue_summaries] == ["default", "mail"]


async def test_without_jobs_nothing_has_waited(redis: Redis) -> None:
    stats = await api.Stats.read(redis)

    assert (stats.default_queue_latency, stats.queues) == (0.0, {})


async def test_each_day_is_counted_by_itself(redis: Redis) -> None:
    await redis.raw("SET", "stat:processed:2026-11-22", 5)
    await redis.raw("SET", "stat:failed:2026-11-21", "2")
    await redis.raw("SET", "stat:failed:2026-11-20", "many")

    history = await api.Stats.history(redis, 3, date(2026, 11, 22))

    days = [date(2026, 11, day) for day in (22, 21, 20)]
    assert history.processed == dict(zip(days, (5, 0, 0), strict=True))
    assert history.failed == dict(zip(days, (0, 2, 0), strict=True))
    assert list(history.processed) == days


async def test_a_history_ends_today(redis: Redis) -> None:
    seconds, _ = await redis.raw("TIME")
    today = datetime.fromtimestamp(int(seconds), UTC).date()

    history = await api.Stats.history(redis)

    assert len(history.failed) == 30
    assert max(history.failed) in {today, today + timedelta(days=1)}


@pytest.mark.parametrize("days", [0, -1, 1826, 2.0, True])
async def test_a_history_of_no_such_length_is_refused(redis: Redis, days: Any) -> None:
    with pytest.raises(ConfigError, match=f"must be 1 to 1,825, got {days}"):
        await api.Stats.history(redis, days)


@pytest.mark.parametrize(
    ("names", "left"),
    [((), (b"0", b"0")), (("failed",), (b"7", b"0")), (("processed",), (b"0", b"2"))],
)
async def test_counters_are_reset(
    redis: Redis, names: tuple[Any, ...], left: tuple[bytes, bytes]
) -> None:
    await redis.raw("SET", "stat:processed", 7)
    await redis.raw("SET", "stat:failed", 2)

    await api.Stats.reset(redis, *names)

    found = (
        await redis.raw("GET", "stat:processed"),
        await redis.raw("GET", "stat:failed"),
    )
    assert found == left


async def test_a_counter_that_is_none_is_refused(redis: Redis) -> None:
    with pytest.raises(ConfigError, match="processed and failed, got enqueued"):
        await api.Stats.reset(redis, "enqueued")  # type: ignore[arg-type]  # that is the point.
