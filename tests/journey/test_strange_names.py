"""What a hand has put into our keys brings nobody down, and is in nobody's way."""

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Timing, worker
from kiq_trio._store.burying import look_around
from tests.journey.conftest import KiqMaker, Recorder

NO_TEXT = b"\xff"
DEAD = "host:1:dead"

JUNK = (
    ("SADD", "queues", NO_TEXT),
    ("SADD", "processes", NO_TEXT),
    ("SADD", "kiq:backups", NO_TEXT, DEAD),
    ("SADD", "kiq:graves", NO_TEXT, DEAD),
    ("HSET", "kiq:processes", NO_TEXT, 1, "a", "x", "b", "1.5", "c", "9" * 9_999),
    ("HSET", b"kiq:backup|" + NO_TEXT, "q.1.1", "q\n{}"),
    ("HSET", f"kiq:backup|{DEAD}", NO_TEXT, b'default\n{"class":"echo","args":[1]}'),
    ("HSET", "kiq:ticks", "minutely", NO_TEXT, "other", "9" * 400),
    ("HSET", "kiq:periodics", "other", "{}", NO_TEXT, NO_TEXT),
)


@worker()
async def echo(_number: int) -> None: ...


@worker(unique_for=60)
async def alone() -> None: ...


@pytest.fixture
def options() -> dict[str, object]:
    return {
        "workers": [echo, alone],
        "periodics": [("* * * * *", echo, {"args": [0], "name": "minutely"})],
        "timing": Timing(sweep=30),
    }


async def test_names_that_are_no_text_and_counters_that_count_nothing_harm_nobody(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    options: dict[str, object],
) -> None:
    async with make_kiq(**options) as kiq:
        for command in JUNK:
            await kiq.redis.raw(*command)
        await trio.sleep(200)

        # The job of the dead one, and one of each minute since.
        await recorder.heard("Succeeded", 3)
        assert DEAD not in (await look_around(kiq.redis)).graves
        assert await kiq.cancel("nobody") == "unknown"
        assert "other" in [one.name for one in await kiq.list_periodics()]
        await kiq.clear(confirm=True)
        assert await kiq.redis.raw("EXISTS", "queues", "queue:default") == 0


async def test_a_lock_whose_owner_is_no_text_keeps_others_out(
    autojump_clock: MockClock, make_kiq: KiqMaker, options: dict[str, object]
) -> None:
    async with make_kiq(**options) as kiq:
        job = await kiq.enqueue(alone.new())
        await kiq.wait_idle()
        await kiq.redis.raw("SET", f"kiq:unique:{job.unique_token}", NO_TEXT)

        kept_out = await kiq.enqueue(alone.new())

    assert kept_out.duplicate_of == "\N{REPLACEMENT CHARACTER}"
