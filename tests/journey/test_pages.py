"""Whatever we write, and by whatever path, no page of Sidekiq's UI suffers from it."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError, Kiq, Timing, worker
from kiq_trio._store.replies import read_pairs
from tests.journey.conftest import KiqMaker, Recorder, places
from tests.journey.pages import broken_rules, broken_rules_of_process
from tests.journey.scene import Scene
from tests.journey.test_writing_places import TAKING
from tests.journey.witness import Witness, scripts_in_source
from tests.journey.writing_paths import PATHS, Path
from tests.journey.writings import WORKERS, sleep, snooze


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
