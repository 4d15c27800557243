"""How long jobs take is told as Sidekiq's Metrics tab reads it (wire.md §5)."""

from datetime import UTC, datetime

import pytest
from redis.exceptions import ResponseError

from kiq_trio._pipeline.measures import Measures
from kiq_trio._store.marking import mark_deploy
from kiq_trio._store.measuring import BUCKETS, Measure, write_measures
from kiq_trio._store.replies import read_pairs
from kiq_trio._wire.client import Redis
from kiq_trio.events import Succeeded
from kiq_trio.job import Job

NOW = datetime(2026, 11, 22, 3, 32, 17, tzinfo=UTC).timestamp()
"""Of the worked example in wire.md §5.2."""


def ran(*seconds: float) -> dict[str, Measure]:
    measures = Measures()
    for one in seconds:
        measures.add(Job(job_class="HardJob"), Succeeded(one))
    return measures.take()


async def sums(redis: Redis, key: str) -> dict[bytes, int]:
    reply = read_pairs(await redis.raw("HGETALL", key))
    return {name: int(value) for name, value in reply}


async def histogram(redis: Redis, key: str) -> list[int]:
    asked = [part for n in range(BUCKETS) for part in ("GET", "u16", f"#{n}")]
    counts: list[int] = await redis.raw("BITFIELD", key, *asked)
    return counts


async def test_sidekiq_8_finds_minutes_and_tens_of_minutes(redis: Redis) -> None:
    await write_measures(redis, ran(0.05), now=NOW, sidekiq=8)
    await write_measures(redis, ran(0.05, 7.014), now=NOW, sidekiq=8)

    found = {b"HardJob|ms": 7_114, b"HardJob|p": 3}
    assert await sums(redis, "j|261122|3:32") == found
    assert await sums(redis, "j|261122|3:3") == found
    counts = await histogram(redis, "h|HardJob-22-3:32")
    assert {n: count for n, count in enumerate(counts) if count} == {3: 2, 15: 1}
    assert await redis.raw("TTL", "j|261122|3:32") == 28_800
    assert await redis.raw("TTL", "j|261122|3:3") == 259_200
    assert await redis.raw("TTL", "h|HardJob-22-3:32") == 28_800


async def test_sidekiq_7_finds_minutes_under_names_of_its_own(redis: Redis) -> None:
    await write_measures(redis, ran(1.0), now=NOW, sidekiq=7)

    assert await redis.raw("DBSIZE") == 2
    assert await sums(redis, "j|20261122|3:32") == {
        b"HardJob|ms": 1_000,
        b"HardJob|p": 1,
    }
    assert (await histogram(redis, "HardJob-22-03:32"))[10] == 1
    assert await redis.raw("TTL", "HardJob-22-03:32") == 28_800


async def test_sidekiq_6_is_told_nothing(redis: Redis) -> None:
    await write_measures(redis, ran(1.0), now=NOW, sidekiq=6)

    assert await redis.raw("DBSIZE") == 0


async def test_failures_have_no_time_and_no_histogram(redis: Redis) -> None:
    measure = Measure(runs=2, failures=2)

    await write_measures(redis, {"A": measure}, now=NOW, sidekiq=8)

    assert await sums(redis, "j|261122|3:32") == {b"A|p": 2, b"A|f": 2}
    assert await redis.raw("EXISTS", "h|A-22-3:32") == 0


async def test_a_bucket_that_is_full_stays_full(redis: Redis) -> None:
    full = Measure(runs=1, seconds=0.001, histogram=[65_535] + [0] * (BUCKETS - 1))

    await write_measures(redis, {"A": full}, now=NOW, sidekiq=8)
    await write_measures(redis, {"A": full}, now=NOW, sidekiq=8)

    assert (await histogram(redis, "h|A-22-3:32"))[:2] == [65_535, 0]


async def test_a_fraction_that_somebody_has_written_is_an_error(redis: Redis) -> None:
    await redis.raw("HSET", "j|261122|3:32", "A|p", "1.5")

    with pytest.raises(ResponseError, match="not an integer"):
        await write_measures(redis, {"A": Measure(runs=1)}, now=NOW, sidekiq=8)


async def test_a_deploy_is_marked_once_a_minute_however_many_ask(redis: Redis) -> None:
    assert await mark_deploy(redis, "v1", at=NOW)
    assert await mark_deploy(redis, "v1", at=NOW + 5)
    assert not await mark_deploy(redis, "v2", at=NOW + 5)

    marks = dict(read_pairs(await redis.raw("HGETALL", "20261122-marks")))
    assert marks == {b"2026-11-22T03:32:00Z": b"v1"}
    assert await redis.raw("TTL", "20261122-marks") == 7_776_000
    assert await redis.raw("TTL", "deploylock-v1") == 60


async def test_a_deploy_that_lasts_into_the_next_minute_is_one(redis: Redis) -> None:
    assert await mark_deploy(redis, "v1", at=NOW)

    assert not await mark_deploy(redis, "v1", at=NOW + 50)

    assert await redis.raw("HLEN", "20261122-marks") == 1


async def test_times_are_written_in_whole_milliseconds(redis: Redis) -> None:
    await write_measures(redis, ran(0.0123, 0.0001), now=NOW, sidekiq=8)

    pairs = dict(read_pairs(await redis.raw("HGETALL", "j|261122|3:32")))
    assert pairs == {b"HardJob|ms": b"12", b"HardJob|p": b"2"}
