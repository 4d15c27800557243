"""Sidekiq's Web UI finds us as it would find a Ruby process (wire.md §4)."""

import json
from typing import Any

import attrs
import pytest
import trio
from redis.exceptions import OutOfMemoryError
from trio.testing import MockClock

from kiq_trio._background import background
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.runs import Run
from kiq_trio._services.heartbeat import Heart, Portrait
from kiq_trio._store.fetching import Delivery
from kiq_trio._wire.client import Redis
from kiq_trio.events import Succeeded
from kiq_trio.job import Job
from tests.conftest import EPOCH
from tests.unkind import UnkindServer

NAME = "host.example:31416:0a84727fd372"
DAY = "2027-01-15"
"""Of UTC, when the tests' clock begins."""

PORTRAIT = Portrait(
    tag="mytag",
    started_at=EPOCH - 30.5,
    is_embedded=False,
    version="1.2.3",
)


@attrs.define(eq=False)
class Show:
    redis: Redis
    heart: Heart
    ledger: Ledger
    lease: Lease
    signals: list[str]

    async def hash(self, key: str = NAME) -> dict[str, str]:
        found: dict[bytes, bytes] = await self.redis.raw("HGETALL", key)
        return {name.decode(): value.decode() for name, value in found.items()}

    async def stat(self, name: str) -> int:
        return int(await self.redis.raw("GET", f"stat:{name}") or 0)

    async def exists(self, *keys: str) -> int:
        return int(await self.redis.raw("EXISTS", *keys))


@pytest.fixture
def show(redis: Redis, unkind: UnkindServer) -> Show:
    lease, ledger = Lease(), Ledger(now=unkind.clock)
    lease.grant(NAME)
    signals: list[str] = []

    async def obey(signal: str) -> None:
        signals.append(signal)

    heart = Heart(
        redis=redis,
        lease=lease,
        ledger=ledger,
        portrait=PORTRAIT,
        queues=lambda: {"default": 25, "low": 5},
        interval=10.0,
        is_quiet=lambda: lease.is_quiet,
        on_signal=obey,
    )
    return Show(redis, heart, ledger, lease, signals)


async def test_a_process_shows_exactly_the_fields_of_sidekiq(
    autojump_clock: MockClock, show: Show, redis: Redis
) -> None:
    await trio.sleep(1.5)
    await show.heart.beat()

    fields = await show.hash()
    info = json.loads(fields.pop("info"))
    assert int(fields.pop("rss")) > 1_000
    assert int(fields.pop("rtt_us")) >= 0
    assert fields == {
        "concurrency": "30",
        "busy": "0",
        "beat": repr(EPOCH + 1.5),
        "quiet": "false",
    }
    assert info == {
        "hostname": "host.example",
        "started_at": EPOCH - 30.5,
        "pid": 31416,
        "tag": "mytag",
        "concurrency": 30,
        "capsules": {
            "default": {"concurrency": 25, "mode": "strict", "weights": {"default": 0}},
            "low": {"concurrency": 5, "mode": "strict", "weights": {"low": 0}},
        },
        "queues": ["default", "low"],
        "weights": [{"default": 0}, {"low": 0}],
        "labels": ["kiq_trio", "reliable"],
        "identity": NAME,
        "version": "1.2.3",
        "embedded": False,
    }
    assert await redis.raw("SISMEMBER", "processes", NAME) == 1
    assert await redis.raw("TTL", NAME) == 60


async def test_the_round_trip_is_told_in_microseconds(
    autojump_clock: MockClock, show: Show, unkind: UnkindServer
) -> None:
    unkind.delay = 0.25
    await show.heart.beat()
    unkind.delay = 0.0
    await show.heart.beat()

    assert (await show.hash())["rtt_us"] == "250000"


async def test_running_jobs_are_shown_as_they_were_fetched(
    autojump_clock: MockClock, show: Show, redis: Redis
) -> None:
    payload = '{"class":"A","args":["é"]}'
    delivery = Delivery("low.1.0", "low", payload.encode(), NAME)
    await trio.sleep(5)
    show.ledger.running["low-3"] = Run(delivery, began=trio.current_time())
    await trio.sleep(7)
    await show.heart.beat()

    assert (await show.hash())["busy"] == "1"
    work = await show.hash(f"{NAME}:work")
    assert {name: json.loads(value) for name, value in work.items()} == {
        "low-3": {"queue": "low", "payload": payload, "run_at": int(EPOCH) + 5}
    }
    assert await redis.raw("TTL", f"{NAME}:work") == 60

    show.ledger.running.clear()
    await show.heart.beat()
    assert await show.exists(f"{NAME}:work") == 0


async def test_runs_are_counted_in_all_and_by_the_day(
    autojump_clock: MockClock, show: Show, redis: Redis
) -> None:
    show.ledger.processed, show.ledger.failed = 5, 2
    await show.heart.beat()
    await show.heart.beat()
    show.ledger.processed = 1
    await show.heart.beat()

    for name, count in {"processed": 6, "failed": 2}.items():
        assert await show.stat(name) == await show.stat(f"{name}:{DAY}") == count
        assert await redis.raw("TTL", f"stat:{name}:{DAY}") == 157_680_000


async def test_nothing_is_counted_while_nothing_happens(
    autojump_clock: MockClock, show: Show
) -> None:
    await show.heart.beat()

    assert await show.exists("stat:processed", "stat:failed") == 0


async def test_counts_that_did_not_get_through_are_told_later(
    autojump_clock: MockClock, show: Show, unkind: UnkindServer
) -> None:
    show.ledger.processed, show.ledger.failed = 5, 2
    unkind.fate = lambda _: "request lost"
    await show.heart.beat()
    unkind.fate = lambda _: "delivered"
    await trio.sleep(5)
    show.ledger.processed += 1
    await show.heart.beat()

    assert (await show.stat("processed"), await show.stat("failed")) == (6, 2)


async def test_a_counter_of_garbage_makes_no_other_grow_and_hides_nothing(
    autojump_clock: MockClock,
    show: Show,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await redis.raw("SET", "stat:processed", "garbage")
    show.ledger.processed, show.ledger.failed = 5, 2
    show.ledger.measures.add(Job(job_class="A"), Succeeded(0.25))
    async with background(show.heart.run, show.heart.vanish):
        await trio.sleep(35)
        assert await show.stat(f"processed:{DAY}") == 5
        assert (await show.stat("failed"), await show.stat(f"failed:{DAY}")) == (2, 2)
        assert await redis.raw("KEYS", "j|*") != []

    assert caplog.text.count("Sidekiq's UI does not show us: value is not") == 1
    assert await show.exists(NAME, "processes") == 0


async def test_what_a_full_redis_does_not_count_is_told_once_it_does(
    autojump_clock: MockClock, show: Show, redis: Redis, unkind: UnkindServer
) -> None:
    show.ledger.processed, show.ledger.failed = 5, 2
    show.ledger.measures.add(Job(job_class="A"), Succeeded(0.25))
    unkind.refusal = lambda _: OutOfMemoryError("OOM command not allowed")
    await show.heart.beat()
    unkind.refusal = lambda _: None
    await show.heart.beat()

    for name, count in {"processed": 5, "failed": 2}.items():
        assert await show.stat(name) == await show.stat(f"{name}:{DAY}") == count
    assert await redis.raw("KEYS", "j|*") != []


def run_many(show: Show) -> None:
    """Let so many jobs run that it takes several writes to show them."""
    for number in range(500):
        delivery = Delivery(f"low.1.{number}", "low", b'{"class":"A"}', NAME)
        show.ledger.running[f"low-{number}"] = Run(delivery)


async def test_a_line_lost_while_many_jobs_are_shown_counts_nothing_twice(
    autojump_clock: MockClock, show: Show, unkind: UnkindServer
) -> None:
    run_many(show)
    show.ledger.processed, show.ledger.failed = 5, 2
    unkind.fate = lambda commands: (
        "reply lost" if any("low-200" in one for one in commands) else "delivered"
    )
    await show.heart.beat()
    unkind.fate = lambda _: "delivered"
    await trio.sleep(10)
    assert await show.stat("processed") == 0
    await show.heart.beat()

    assert (await show.stat("processed"), await show.stat("failed")) == (5, 2)
    assert len(await show.hash(f"{NAME}:work")) == 500


async def test_one_refusal_among_many_running_jobs_is_logged_and_no_more(
    autojump_clock: MockClock,
    show: Show,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run_many(show)
    refusal = OutOfMemoryError("OOM command not allowed")
    unkind.refusal = lambda command: refusal if "low-0" in command else None
    await show.heart.beat()

    assert caplog.text.count("Sidekiq's UI does not show us: OOM") == 1
    assert len(await show.hash(f"{NAME}:work")) == 300


@pytest.mark.parametrize("signal", ["TSTP", "TERM", "TTIN"])
async def test_a_button_is_obeyed_at_the_next_beat_one_at_a_time(
    autojump_clock: MockClock, show: Show, redis: Redis, signal: str
) -> None:
    async with background(show.heart.run):
        await trio.sleep(5)
        await redis.raw("LPUSH", f"{NAME}-signals", "first")
        await redis.raw("LPUSH", f"{NAME}-signals", signal)
        await trio.sleep(10)
        assert show.signals == ["first"]
        await trio.sleep(10)

        assert show.signals == ["first", signal]


async def test_quiet_is_shown(autojump_clock: MockClock, show: Show) -> None:
    show.lease.is_quiet = True
    await show.heart.beat()

    assert (await show.hash())["quiet"] == "true"


async def test_whoever_leaves_tells_the_last_counts_and_vanishes(
    autojump_clock: MockClock, show: Show
) -> None:
    async with background(show.heart.run, show.heart.vanish):
        await trio.sleep(15)
        assert await show.exists(NAME, "processes") == 2
        show.ledger.processed = 3

    assert await show.exists(NAME, f"{NAME}:work", "processes") == 0
    assert await show.stat("processed") == 3


async def test_whoever_vanishes_is_not_shown_again_by_a_beat_that_is_due(
    autojump_clock: MockClock, show: Show, unkind: UnkindServer
) -> None:
    async with background(show.heart.run, show.heart.vanish):
        # The last beat and the vanishing take two seconds each, and after ten
        # the next beat is due.
        await trio.sleep(7.5)
        unkind.delay = 2.0
    unkind.delay = 0.0

    assert await show.exists(NAME, f"{NAME}:work", "processes") == 0


async def test_under_a_new_name_the_old_one_vanishes(
    autojump_clock: MockClock, show: Show
) -> None:
    async with background(show.heart.run):
        await trio.sleep(5)
        show.lease.grant("host:1:new")
        await trio.sleep(10)

        assert await show.exists(NAME) == 0
        assert await show.exists("host:1:new") == 1


async def test_a_ui_that_cannot_be_told_harms_nothing(
    autojump_clock: MockClock,
    show: Show,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with background(show.heart.run, show.heart.vanish):
        await trio.sleep(5)
        await redis.raw("DEL", "processes")
        await redis.raw("SET", "processes", "a string")
        show.ledger.processed = 1
        await trio.sleep(30)
        show.lease.grant("host:1:new")
        await trio.sleep(30)
        await redis.raw("DEL", "processes")

    assert await show.exists("host:1:new") == 0
    assert caplog.text.count("Sidekiq's UI does not show us: WRONGTYPE") == 1


async def test_a_payload_that_is_no_text_is_shown_as_well_as_can_be(
    autojump_clock: MockClock, show: Show
) -> None:
    show.ledger.running["q-1"] = Run(Delivery("q.1.0", "q", b"\xff", NAME))
    await show.heart.beat()

    work: Any = json.loads((await show.hash(f"{NAME}:work"))["q-1"])
    assert work["payload"] == "\ufffd"
