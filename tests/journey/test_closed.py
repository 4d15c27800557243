"""Jobs that need middleware of Sidekiq's wait for somebody who has it (wire.md §7)."""

import json
import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError, Kiq, Timing, worker
from kiq_trio.config import Config
from tests.journey.conftest import KiqMaker, Recorder, places

BATCHED = (
    b'{"retry":true,"queue":"default","args":[1],"class":"note","jid":"j-1",'
    b'"bid":"vTF1-9QvLPnREQ","created_at":1795318226776,"x":null%s}'
)
ENQUEUED = b',"enqueued_at":1795318226777'


@worker()
async def note(_: Any) -> None:
    """Do nothing."""


async def lay(kiq: Kiq, payload: bytes) -> None:
    await kiq.redis.raw("LPUSH", "queue:default", payload)


async def test_a_job_of_a_batch_is_put_off_with_its_bytes(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[note], timing=Timing()) as kiq:
        await trio.sleep(1)
        await lay(kiq, BATCHED % ENQUEUED)
        await trio.sleep(1)

        assert await places(kiq) == {"schedule": [BATCHED % b""]}
        score = await kiq.redis.raw("ZSCORE", "schedule", BATCHED % b"")
        assert float(score) == pytest.approx(kiq._now() + 59, abs=2)
    # Nothing has run, so there is nothing to tell or to count.
    assert recorder.names == []
    assert kiq.stats.snapshot()["failed"] == {}


async def test_it_comes_again_each_minute_and_is_named_once(
    autojump_clock: MockClock, make_kiq: KiqMaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "kiq_trio.consumer")
    async with make_kiq(workers=[note], timing=Timing()) as kiq:
        await lay(kiq, BATCHED % ENQUEUED)
        await lay(kiq, (BATCHED % ENQUEUED).replace(b"j-1", b"j-2"))
        await trio.sleep(3_600)

        kept = sorted((await places(kiq))["schedule"])
    assert [json.loads(one)["jid"] for one in kept] == ["j-1", "j-2"]
    assert "retry_count" not in json.loads(kept[0])
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("jobs of note have 'bid'")


@pytest.mark.parametrize(
    ("fields", "accept"), [({"bid": "b"}, "bid"), ({"encrypt": True}, "encrypt")]
)
async def test_whoever_accepts_them_runs_them(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    fields: dict[str, Any],
    accept: str,
) -> None:
    async with make_kiq(workers=[note], accept=[accept]) as kiq:
        await kiq.enqueue(note.new(1).set(**fields))
        await recorder.heard("Succeeded")


@pytest.mark.parametrize("fields", [{"bid": None}, {"bid": ""}, {"encrypt": False}])
async def test_a_field_that_says_no_is_none(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    fields: dict[str, Any],
) -> None:
    async with make_kiq(workers=[note]) as kiq:
        await kiq.enqueue({"class": "note", "args": [1], **fields})
        await recorder.heard("Succeeded")


def test_only_what_is_known_can_be_accepted() -> None:
    with pytest.raises(ConfigError, match="accept may hold 'bid' and 'encrypt'"):
        Config(accept=["unique_for"])
    with pytest.raises(ConfigError, match="sidekiq must be one of 8, 7, 6, got 5"):
        Config(sidekiq=5)
    with pytest.raises(ConfigError, match="tag must be text without < and >"):
        Config(tag="<b>")
