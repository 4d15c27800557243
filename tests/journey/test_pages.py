"""Whatever we write, and by whatever path, no page of Sidekiq's UI suffers from it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError, Discard, Kiq, Snooze, Timing, worker
from kiq_trio._services.recovery import recover
from kiq_trio._store.browsing import read_page
from kiq_trio._store.burying import Held
from kiq_trio._store.replies import read_pairs
from kiq_trio._store.tending import kill, run_again
from tests.conftest import EPOCH
from tests.journey.conftest import KiqMaker, Recorder, places
from tests.journey.pages import broken_rules, broken_rules_of_process

TAGS = ("a", "é")


class LocalError(Exception):
    """Its name is no trouble, but that of one in a function is."""


@worker(tags=TAGS, backtrace=True)
async def fail(text: str) -> None:
    class InnerError(Exception):
        pass

    raise InnerError(text)


@worker(retry=0, tags=TAGS, backtrace=5)
async def die() -> None:
    raise LocalError("<b>é</b>")


@worker()
async def snooze() -> None:
    raise Snooze(3_600)


@worker()
async def sleep() -> None:
    await trio.sleep_forever()


@worker()
async def drop() -> None:
    raise Discard("no")


WORKERS = [fail, die, snooze, sleep, drop]
AT_REST = {"queues": {"elsewhere": 1}}
"""Options of a process that leaves the queue of these jobs alone."""

Deed = Callable[[Kiq, Recorder], Awaitable[object]]


async def enqueue(kiq: Kiq, _: Recorder) -> None:
    await kiq.enqueue(fail.new("é"))
    await kiq.enqueue_many([fail.new("1"), {"class": "Ruby::Job", "tags": ["x"]}])
    kiq.enqueue_nowait(fail.new("2"))
    await kiq.flush()


async def schedule(kiq: Kiq, _: Recorder) -> None:
    await kiq.enqueue(fail.new("é"), in_=60)
    again = await kiq.enqueue(fail.new("é"))
    await kiq.enqueue(again, at=EPOCH + 7_200)


async def stage(kiq: Kiq, _: Recorder) -> None:
    await kiq.enqueue(fail.new("é"), in_=60)
    await trio.sleep(120)


async def fail_once(kiq: Kiq, recorder: Recorder) -> None:
    await kiq.enqueue(fail.new("x" * 20_000))
    await recorder.heard("Failed")


async def fail_thrice(kiq: Kiq, recorder: Recorder) -> None:
    await kiq.enqueue(fail.new("x"))
    await recorder.heard("Failed", 3)


async def fail_after_others(kiq: Kiq, recorder: Recorder) -> None:
    # Kiq's own, which tell nothing of a first failure that is read here.
    await push(kiq, {"class": "fail", "args": ["x"], "jid": "1", "retry_count": 3})
    await push(kiq, {"class": "fail", "args": ["x"], "jid": "2", "retry_count": "4"})
    await recorder.heard("Failed", 2)


async def fail_with_a_tag(kiq: Kiq, recorder: Recorder) -> None:
    # Which is no list: Sidekiq's client refuses that, Redis does not.
    await push(kiq, {"class": "fail", "args": ["x"], "jid": "1", "tags": "a"})
    await push(kiq, {"class": "snooze", "args": [], "jid": "2", "tags": "a"})
    await recorder.heard("Failed")
    await recorder.heard("Snoozed")


async def die_at_once(kiq: Kiq, recorder: Recorder) -> None:
    await kiq.enqueue(die.new())
    await recorder.heard("Failed")


async def be_snoozed(kiq: Kiq, recorder: Recorder) -> None:
    await kiq.enqueue(snooze.new())
    await recorder.heard("Snoozed")


async def be_put_off(kiq: Kiq, _: Recorder) -> None:
    await kiq.enqueue({"class": "Ruby::Job", "bid": "b"})
    await kiq.enqueue({"class": "Ruby::Job", "args": [1, "x"], "encrypt": True})
    await trio.sleep(1)


async def run_by_hand(kiq: Kiq, recorder: Recorder) -> None:
    await kiq.enqueue(die.new())
    await recorder.heard("Failed")
    for place in ("dead", "retry", "schedule"):
        page = await read_page(kiq.redis, place)
        await run_again(
            kiq.redis, page, now=EPOCH + 60, write_time=kiq.config.write_time
        )
    await recorder.heard("Failed", 2)


async def kill_by_hand(kiq: Kiq, recorder: Recorder) -> None:
    await kiq.enqueue(fail.new("x"))
    await recorder.heard("Failed")
    await kill(kiq.redis, await read_page(kiq.redis, "retry"), now=EPOCH + 60)


async def push(kiq: Kiq, fields: dict[str, Any]) -> None:
    """Put a job into its queue as others do."""
    written = kiq.config.write_time(EPOCH - 5)
    fields = {"queue": "default", **fields, "enqueued_at": written}
    text = json.dumps(fields, separators=(",", ":"))
    await kiq.redis.raw("LPUSH", "queue:default", text)


PATHS: list[tuple[Deed, dict[str, Any], set[str]]] = [
    (enqueue, AT_REST, {"queue:default"}),
    (schedule, AT_REST, {"queue:default", "schedule"}),
    (stage, AT_REST, {"queue:default"}),
    (fail_once, {}, {"retry"}),
    (fail_thrice, {}, {"retry"}),
    (fail_after_others, {}, {"retry"}),
    (fail_with_a_tag, {}, {"retry", "schedule"}),
    (die_at_once, {}, {"dead"}),
    (be_snoozed, {}, {"schedule"}),
    (be_put_off, {}, {"schedule"}),
    (run_by_hand, {}, {"dead"}),
    (kill_by_hand, {}, {"dead"}),
]


@pytest.mark.parametrize("sidekiq", [8, 7, 6])
@pytest.mark.parametrize(
    ("deed", "options", "where"), PATHS, ids=lambda one: getattr(one, "__name__", "")
)
async def test_no_payload_of_ours_hurts_a_page(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    deed: Deed,
    options: dict[str, Any],
    where: set[str],
    sidekiq: int,
) -> None:
    more: dict[str, Any] = {"timing": Timing(), **options}
    async with make_kiq(workers=WORKERS, sidekiq=sidekiq, **more) as kiq:
        await deed(kiq, recorder)
        # What has ended is settled before it is told; wait for all the same.
        await trio.sleep(0.1)
        found = {
            place: payloads
            for place, payloads in (await places(kiq)).items()
            if place in {"schedule", "retry", "dead"} or place.startswith("queue:")
        }

        assert found.keys() == where
        broken = {
            (place, rule)
            for place, payloads in found.items()
            for payload in payloads
            for rule in broken_rules(place, payload, sidekiq)
        }
        assert broken == set()


@pytest.mark.parametrize("sidekiq", [8, 7])
def test_a_job_that_kills_its_processes_is_dead_in_a_way_that_can_be_shown(
    make_kiq: KiqMaker, sidekiq: int
) -> None:
    write_time = make_kiq(sidekiq=sidekiq).config.write_time
    fields = {"class": "A", "args": [], "jid": "1", "enqueued_at": write_time(EPOCH)}
    payload = json.dumps(fields, separators=(",", ":")).encode()
    for _ in range(3):
        held = Held("1", "q", payload, b"q\n" + payload)
        rescued = recover(held, EPOCH, write_time)
        payload = rescued.payload

    assert rescued.to_dead
    assert broken_rules("dead", payload, sidekiq) == []
    assert json.loads(payload)["queue"] == "q"


@pytest.mark.parametrize("sidekiq", [8, 7, 6])
async def test_no_process_of_ours_hurts_a_page(
    autojump_clock: MockClock, make_kiq: KiqMaker, sidekiq: int
) -> None:
    options = {"timing": Timing(), "queues": {"default": 2, "low": 1}}
    async with make_kiq(workers=WORKERS, sidekiq=sidekiq, **options) as kiq:
        await kiq.enqueue(sleep.new())
        await trio.sleep(15)
        [name] = await kiq.redis.raw("SMEMBERS", "processes")
        fields = await hash_of(kiq, name.decode())
        work = await hash_of(kiq, f"{name.decode()}:work")
        old_work = await hash_of(kiq, f"{name.decode()}:workers")

        assert len(work) == 1
        assert broken_rules_of_process(fields, work) == []
        assert old_work == (work if sidekiq == 6 else {})


async def hash_of(kiq: Kiq, key: str) -> dict[str, str]:
    pairs = read_pairs(await kiq.redis.raw("HGETALL", key))
    return {name.decode(): value.decode() for name, value in pairs}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tags": "a"}, "tags must be a list of texts"),
        ({"tags": ["<b>"]}, "tags must be texts without < and >"),
        ({"cattr": "a"}, "cattr must be a list or an object"),
        ({"encrypt": True, "args": []}, "args is empty, and encrypt is set"),
        ({"class": "Sidekiq::ActiveJob::Wrapper"}, "args is empty"),
        ({"class": "f.<locals>.g"}, "class must be a name without"),
        ({"class": "a/b"}, "class must be a name without"),
        ({"class": "a|b"}, "class must be a name without"),
        ({"created_at": "2026-11-22T03:30:26Z"}, "created_at must be a number"),
        ({"retry_count": "1"}, "retry_count must be a whole number"),
        ({"retry_count": 0}, "failed_at is missing"),
        ({"retry_count": 1, "failed_at": 1.5}, "retried_at is missing"),
        ({"retry_for": 2_000_000_000}, "retry_for must be a number of seconds"),
        ({"error_backtrace": ["a"]}, "error_backtrace must be text"),
    ],
)
async def test_what_would_hurt_a_page_is_refused(
    autojump_clock: MockClock, make_kiq: KiqMaker, fields: dict[str, Any], said: str
) -> None:
    async with make_kiq(server=False) as kiq:
        with pytest.raises(ConfigError, match=said):
            await kiq.enqueue({"class": "A", **fields})
        assert await places(kiq) == {}


def test_neither_is_a_worker_that_no_page_can_show() -> None:
    with pytest.raises(ConfigError, match="name of a worker must be without"):
        worker(name="a<b>")(snooze.function)
    with pytest.raises(ConfigError, match="tags must be texts without"):
        worker(tags=["<b>"])
