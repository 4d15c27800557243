"""What we show is what Sidekiq shows, by the examples of wire.md §3 to §6.

A record of ours has the fields of Sidekiq's, of the same types in JSON. Profiles
(§6.1) are Ruby's alone: we neither write nor read any.
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from kiq_trio._pipeline.measures import Measures
from kiq_trio._pipeline.runs import Run
from kiq_trio._services.heartbeat import Portrait, _describe_run
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.iterating import Iteration, cancel_iteration, read_iteration
from kiq_trio._store.marking import mark_deploy
from kiq_trio._store.measuring import write_measures
from kiq_trio._store.replies import read_pairs
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._store.showing import Heartbeat, show
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryServer
from kiq_trio.events import Failed, Succeeded
from kiq_trio.job import Job
from tests.golden.records import BEGUN, EIGHT, RUN, SEVEN, SIX, Record

NAME = "vm:31416:0a84727fd372"
NOW = datetime(2026, 11, 22, 3, 32, 17, tzinfo=UTC).timestamp()
"""Of the worked example in wire.md §5.2."""


@pytest.fixture
async def redis(clock: TrioClock) -> AsyncIterator[Redis]:
    async with open_redis(MemoryServer(clock), scripts=SCRIPTS) as redis:
        yield redis


async def hash_of(redis: Redis, key: str) -> dict[str, str]:
    pairs = read_pairs(await redis.raw("HGETALL", key))
    return {name.decode(): value.decode() for name, value in pairs}


def beat(sidekiq: int, **counts: int) -> Heartbeat:
    portrait = Portrait(
        tag="mytag",
        started_at=1795318252.5606086,
        is_embedded=False,
        version="1.2.3",
    )
    delivery = Delivery("low.1.0", "low", b'{"retry":true}', NAME)
    return Heartbeat(
        identity=NAME,
        info=portrait.describe(NAME, {"default": 5, "single": 1}),
        concurrency=6,
        busy=1,
        beat=1795318282.5891955,
        rtt_us=74,
        rss=27936,
        quiet=False,
        work=[
            (
                "8d2",
                _describe_run(Run(delivery, began=12.9), 1795318240.0, 1795318240.0),
            )
        ],
        day="2026-11-22",
        sidekiq=sidekiq,
        **counts,
    )


@pytest.mark.parametrize(
    ("sidekiq", "theirs"), [(8, EIGHT), (7, SEVEN), (6, SIX)], ids=["8", "7", "6"]
)
async def test_a_process_of_ours_says_all_that_theirs_says(
    redis: Redis, sidekiq: int, theirs: Record
) -> None:
    await show(redis, beat(sidekiq))

    ours = await hash_of(redis, NAME)
    assert ours.keys() >= theirs.keys()
    for name in theirs.keys() - {"info", "quiet"}:
        assert ("." in ours[name]) == ("." in theirs[name])
        assert float(ours[name]) > 0 or name == "busy"
    assert ours["quiet"] == "false"
    info, wanted = json.loads(ours["info"]), json.loads(theirs["info"])
    assert info.keys() >= wanted.keys()
    for name, value in wanted.items():
        assert type(info[name]) is type(value), name
    # 8 has it beside `info`, older ones in it: they find it in both (§4.3).
    assert info["concurrency"] == int(ours["concurrency"]) == 6
    assert await redis.raw("SMEMBERS", "processes") == [NAME.encode()]
    assert await redis.raw("TTL", NAME) == 60


async def test_a_capsule_of_ours_is_built_as_theirs(redis: Redis) -> None:
    await show(redis, beat(8))

    info = json.loads((await hash_of(redis, NAME))["info"])
    wanted = json.loads(EIGHT["info"])
    assert info["capsules"]["single"] == wanted["capsules"]["single"]
    assert info["weights"][1] == wanted["weights"][1]
    assert info["started_at"] == wanted["started_at"]


@pytest.mark.parametrize("sidekiq", [8, 7, 6])
async def test_a_run_is_told_byte_by_byte_as_sidekiq_tells_it(
    redis: Redis, sidekiq: int
) -> None:
    await show(redis, beat(sidekiq))

    assert await hash_of(redis, f"{NAME}:work") == {"8d2": RUN}
    old = await hash_of(redis, f"{NAME}:workers")
    assert old == ({"8d2": RUN} if sidekiq == 6 else {})
    assert await redis.raw("TTL", f"{NAME}:work") == 60


@pytest.mark.parametrize("sidekiq", [8, 7, 6])
async def test_jobs_are_counted_where_sidekiq_counts_them(
    redis: Redis, sidekiq: int
) -> None:
    await show(redis, beat(sidekiq, processed=3, failed=1))
    await show(redis, beat(sidekiq, processed=2))

    counts = {"processed": b"5", "failed": b"1"}
    for name, count in counts.items():
        assert await redis.raw("GET", f"stat:{name}") == count
        assert await redis.raw("GET", f"stat:{name}:2026-11-22") == count
        assert await redis.raw("TTL", f"stat:{name}") == -1
        assert await redis.raw("TTL", f"stat:{name}:2026-11-22") == 157_680_000


@pytest.mark.parametrize(
    ("sidekiq", "minutes", "histogram"),
    [
        (8, {"j|261122|3:3": 259_200, "j|261122|3:32": 28_800}, "h|HardJob-22-3:32"),
        (7, {"j|20261122|3:32": 28_800}, "HardJob-22-03:32"),
        (6, {}, None),
    ],
    ids=["8", "7", "6"],
)
async def test_runs_are_measured_under_the_names_of_each_sidekiq(
    redis: Redis, sidekiq: int, minutes: dict[str, int], histogram: str | None
) -> None:
    measures, job = Measures(), Job(job_class="HardJob")
    measures.add(job, Succeeded(0.05))
    measures.add(job, Succeeded(1.0))
    measures.add(job, Succeeded(7.014))
    measures.add(job, Failed(ValueError(), 9.0))

    await write_measures(redis, measures.take(), now=NOW, sidekiq=sidekiq)

    found: dict[str, Any] = {}
    for key in minutes:
        fields = {"HardJob|ms": "8064", "HardJob|p": "4", "HardJob|f": "1"}
        assert await hash_of(redis, key) == fields
        found[key] = await redis.raw("TTL", key)
    assert found == minutes
    assert await redis.raw("DBSIZE") == len(minutes) + (histogram is not None)
    if histogram is not None:
        counted = [part for n in range(26) for part in ("GET", "u16", f"#{n}")]
        counts = await redis.raw("BITFIELD", histogram, *counted)
        # Of 50, 1000 and 7014 ms (§5.3); a failure has no time.
        assert [n for n, count in enumerate(counts) if count] == [3, 10, 15]
        assert await redis.raw("TTL", histogram) == 28_800


async def test_a_deploy_is_marked_at_its_minute(redis: Redis) -> None:
    at = datetime(2026, 11, 22, 3, 36, 41, tzinfo=UTC).timestamp()

    assert await mark_deploy(redis, "v1", at=at)

    assert await hash_of(redis, "20261122-marks") == {"2026-11-22T03:36:00Z": "v1"}
    assert await redis.raw("TTL", "20261122-marks") == 7_776_000
    assert await redis.raw("GET", "deploylock-v1") == b"2026-11-22T03:36:00Z"


async def test_a_job_that_ruby_interrupted_keeps_its_place_when_it_is_cancelled(
    redis: Redis,
) -> None:
    words = [word for pair in BEGUN.items() for word in pair]
    await redis.raw("HSET", "it-abc", *words)
    assert await read_iteration(redis, "abc") == Iteration(1, 14, 7.010404526, None)

    await cancel_iteration(redis, "abc", now=NOW)

    assert await hash_of(redis, "it-abc") == {**BEGUN, "cancelled": str(int(NOW))}
