"""Whatever we write, and by whatever path, no page of Sidekiq's UI suffers from it."""

import json
from base64 import b64encode
from typing import Any
from zlib import compress

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError, Job, Kiq, Timing, worker
from kiq_trio._store.replies import read_pairs
from tests.journey.conftest import KiqMaker, Recorder, places
from tests.journey.pages import broken_rules, broken_rules_of_process
from tests.journey.scene import Scene
from tests.journey.test_writing_places import TAKING
from tests.journey.witness import Witness, scripts_in_source
from tests.journey.writing_paths import PATHS, Path
from tests.journey.writings import WORKERS, sleep, snooze

WRAPPER = "Sidekiq::ActiveJob::Wrapper"
MAIL = {"class": WRAPPER, "wrapped": "ActionMailer::MailDeliveryJob"}
OLD_MAIL = {"class": WRAPPER, "wrapped": "ActionMailer::DeliveryJob"}
MS = 1_795_318_226_776
NO_LINES = b64encode(compress(b"[1]")).decode()
RAW_LINES = b64encode(compress(b'["a.rb:1","a.rb:2:in <main>"]')).decode()
LINES = b64encode(compress(b'["a.rb:1:in &lt;main&gt;"]')).decode()


@pytest.mark.parametrize("sidekiq", [8, 7, 6])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.deed.__name__)
async def test_no_payload_of_ours_hurts_a_page(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    path: Path,
    sidekiq: int,
) -> None:
    witness = Witness(monkeypatch)

    def make(**options: Any) -> Kiq:
        more = {"workers": WORKERS, "timing": Timing(), "sidekiq": sidekiq}
        return make_kiq(**more | options)

    async with make(**path.options) as kiq:
        await path.deed(Scene(kiq, recorder, make))
        # What has ended is settled before it is told; wait for all the same.
        await trio.sleep(0.1)
        found = {
            place: payloads
            for place, payloads in (await places(kiq)).items()
            if place in {"schedule", "retry", "dead"} or place.startswith("queue:")
        }

        assert found.keys() == path.where
        assert witness.places == path.places
        assert witness.scripts & scripts_in_source() - TAKING.keys() == path.scripts
        broken = {
            rule
            for place, payloads in found.items()
            for payload in payloads
            for rule in broken_rules(place, payload, sidekiq)
        }
        assert broken == path.broken


@pytest.mark.parametrize("sidekiq", [8, 7, 6])
async def test_no_process_of_ours_hurts_a_page(
    autojump_clock: MockClock, make_kiq: KiqMaker, sidekiq: int
) -> None:
    options = {"timing": Timing(), "queues": {"default": 2, "low": 1}}
    async with make_kiq(workers=WORKERS, sidekiq=sidekiq, **options) as kiq:
        await kiq.enqueue(sleep.new())
        odd = b'{"class":"sleep","args":[],"jid":"2","tags":"a","cattr":"x"}'
        await kiq.redis.raw("LPUSH", "queue:default", odd)
        await trio.sleep(15)
        [name] = await kiq.redis.raw("SMEMBERS", "processes")
        fields = await hash_of(kiq, name.decode())
        work = await hash_of(kiq, f"{name.decode()}:work")
        old_work = await hash_of(kiq, f"{name.decode()}:workers")

        assert len(work) == 2
        assert broken_rules_of_process(fields, work) == []
        assert old_work == (work if sidekiq == 6 else {})


async def hash_of(kiq: Kiq, key: str) -> dict[str, str]:
    pairs = read_pairs(await kiq.redis.raw("HGETALL", key))
    return {name.decode(): value.decode() for name, value in pairs}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tags": "a"}, "tags must be a list of texts"),
        ({"tags": ["<b>"]}, "tags must be a list of texts without < and >"),
        ({"tags": [1]}, "tags must be a list of texts"),
        ({"cattr": "a"}, "cattr must be a list or an object"),
        ({"cattr": {"a": ["<b>"]}}, "cattr must be .* without < and >"),
        ({"encrypt": True, "args": []}, "args is empty, and encrypt is set"),
        ({"class": WRAPPER}, "args is empty, and not the envelope"),
        ({"class": WRAPPER, "args": [1]}, "args must hold the envelope"),
        ({"class": WRAPPER, "args": [None], "wrapped": "A"}, "args must hold the env"),
        (
            {"class": WRAPPER, "args": [{}], "wrapped": "A"},
            "args must hold the envelope",
        ),
        ({**MAIL, "args": [{"arguments": ["A", "b", "c"]}]}, "lack those of the mail"),
        (
            {**MAIL, "args": [{"arguments": ["<b>", "m", "deliver_now", {}]}]},
            "must begin with a mailer and a method, names without < > | /",
        ),
        ({**OLD_MAIL, "args": [{"arguments": ["A", "<b>"]}]}, "must begin with a mai"),
        ({**OLD_MAIL, "args": [{"arguments": ["a/b", "m"]}]}, "must begin with a mai"),
        ({**OLD_MAIL, "args": [{"arguments": ["A", 5]}]}, "must begin with a mailer"),
        ({**OLD_MAIL, "args": [{"arguments": ["A"]}]}, "must begin with a mailer"),
        (
            {"class": WRAPPER, "args": [{"job_class": "<b>", "arguments": []}]},
            "args must hold an envelope without < and >, or wrapped",
        ),
        ({"class": WRAPPER, "args": [{"arguments": ["<b>"]}]}, "or wrapped, got"),
        ({"<b>": 1}, "a field must have a name without < and >, got '<b>'"),
        ({"<b>": None}, "a field must have a name without < and >, got '<b>'"),
        ({"class": "f.<locals>.g"}, "class must be a name without"),
        ({"class": "a/b"}, "class must be a name without"),
        ({"class": "a|b"}, "class must be a name without"),
        ({"wrapped": "a/b"}, "wrapped must be a name without < > | /, got 'a/b'"),
        ({"display_class": "<script>"}, "display_class must be text without < and >"),
        ({"display_class": 5}, "display_class must be text without < and >, got 5"),
        ({"error_class": "<b>"}, "error_class must be text without < and >"),
        ({"bid": "<b>"}, "bid must be without < and >, got '<b>'"),
        ({"locale": "<b>"}, "locale must be without < and >"),
        ({"of": {"anybody": [{"<b>": 1}]}}, "of must be without < and >"),
        ({"retry_queue": "a b"}, "retry_queue must be 1 to 128 of A-Z"),
        ({"created_at": "2026-11-22T03:30:26Z"}, "created_at must be whole millisec"),
        ({"retry_count": "1"}, "retry_count must be a whole number"),
        ({"retry_count": 0}, "failed_at is missing"),
        ({"retry_count": 1, "failed_at": 1.5}, "retried_at is missing"),
        ({"retry_for": 2_000_000_000}, "retry_for must be a number of seconds"),
        ({"error_backtrace": ["a"]}, "error_backtrace must be a list of texts without"),
        ({"error_backtrace": "junk"}, "error_backtrace must be a list of texts"),
        ({"error_backtrace": NO_LINES}, "error_backtrace must be a list of texts"),
        ({"error_backtrace": RAW_LINES}, "error_backtrace must be .* without < and >"),
    ],
)
async def test_what_would_hurt_a_page_is_refused(
    autojump_clock: MockClock, make_kiq: KiqMaker, fields: dict[str, Any], said: str
) -> None:
    async with make_kiq(server=False) as kiq:
        with pytest.raises(ConfigError, match=said):
            await kiq.enqueue({"class": "A", **fields})
        assert await places(kiq) == {}


@pytest.mark.parametrize("name", ["class", "args", "queue", "at"])
async def test_no_attribute_is_said_a_second_time(
    autojump_clock: MockClock, make_kiq: KiqMaker, name: str
) -> None:
    job = Job(job_class="A", rest={name: None})

    async with make_kiq(server=False) as kiq:
        with pytest.raises(ConfigError, match="rest must not hold what is an attr"):
            await kiq.enqueue(job)


@pytest.mark.parametrize(
    "fields",
    [
        {"class": WRAPPER, "args": [{"arguments": []}], "wrapped": "A::B"},
        {**MAIL, "args": [{"arguments": ["A", "b", "c", {"args": ["<b>"]}]}]},
        {**OLD_MAIL, "args": [{"arguments": ["A::B", "b", "c", "<b>"]}]},
        {"class": WRAPPER, "args": [{"job_class": "A", "arguments": [1]}]},
        {"class": "A", "error_message": "<b>", "error_backtrace": LINES},
        {"class": "A", "error_backtrace": LINES.replace("=", "\n=")},
        {"class": "A", "args": ["<b>"], "bid": "b", "retry_queue": "low"},
        {"class": "A", "cattr": [["user", 1]], "of": [1, {"a": None}]},
        {"class": "A", "tags": None, "wrapped": None, "retry_for": 1.5},
    ],
)
async def test_what_no_page_suffers_from_is_taken(
    autojump_clock: MockClock, make_kiq: KiqMaker, fields: dict[str, Any]
) -> None:
    async with make_kiq(server=False) as kiq:
        await kiq.enqueue(fields)

        [payload] = (await places(kiq))["queue:default"]
        assert json.loads(payload).items() >= fields.items()


@pytest.mark.parametrize("name", ["created_at", "failed_at", "retried_at"])
@pytest.mark.parametrize(
    ("sidekiq", "good", "bad"),
    [
        (8, [MS, MS / 1000], [MS // 1000, float(MS), 10**30, 1e300, -1.5, True]),
        (7, [MS / 1000], [MS, MS // 1000, float(MS), 1e300, float("nan")]),
        (6, [MS / 1000], [MS, MS // 1000, float(MS)]),
    ],
)
async def test_a_time_is_one_that_our_sidekiq_takes_for_it(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    name: str,
    sidekiq: int,
    good: list[float],
    bad: list[float],
) -> None:
    async with make_kiq(server=False, sidekiq=sidekiq) as kiq:
        for time in good:
            job = await kiq.enqueue({"class": "A", name: time})
            assert job.rest[name] == time
        for time in bad:
            with pytest.raises(ConfigError, match=f"{name} must be .*1970.*, got"):
                await kiq.enqueue({"class": "A", name: time})


async def test_a_time_of_none_is_no_time(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False) as kiq:
        job = await kiq.enqueue({"class": "A", "created_at": None, "failed_at": None})

        assert job.created_at == job.enqueued_at
        assert job.failed_at is None


def test_neither_is_a_worker_that_no_page_can_show() -> None:
    with pytest.raises(ConfigError, match="name of a worker must be without"):
        worker(name="a<b>")(snooze.function)
    with pytest.raises(ConfigError, match="tags must be texts without"):
        worker(tags=["<b>"])
