"""Whatever lies in Redis, nobody stumbles over it, and nothing of it is lost.

`KIQ_TRIO_FAULTS=long` tries a hundred thousand payloads in each place.
"""

import json
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Kiq, worker
from kiq_trio._keeping import restore
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryServer
from kiq_trio.events import Ended, Failed
from tests.journey.conftest import Recorder, places

EPOCH = 1_800_000_000.0
AT_ONCE = 1_000
ROUNDS = 100 if os.environ.get("KIQ_TRIO_FAULTS") == "long" else 1
LATER = 60.0
"""So many seconds later all that was due has been looked at, many times."""

FIELDS = [
    *("queue", "jid", "retry", "at", "created_at", "enqueued_at", "failed_at"),
    *("retried_at", "retry_count", "retry_queue", "retry_for", "dead", "tags"),
    *("expires_in", "expires_at", "kiq_deadline", "unique_for", "unique_until"),
    *("unique_token", "cattr", "wrapped", "bid", "encrypt", "error_class"),
    *("error_message", "error_backtrace", "kiq_recovered", "kiq_copy", "locale"),
]
LONE = [None, True, False, 0, 1, -1, 2**63, -(2**70), 0.5, 1e300, "", "take", "\ud800"]
MARK = re.compile(rb"<(\d+)>")


@worker(retry=0)
async def take(*args: Any) -> None:
    """Take whatever comes."""


@pytest.mark.slow
@pytest.mark.parametrize("place", ["queue", "schedule", "retry", "dead", "grave"])
@pytest.mark.parametrize("number", range(ROUNDS))
def test_any_bytes_are_run_or_kept_and_stop_nothing(place: str, number: int) -> None:
    rng = random.Random(number)
    payloads = {mark: invent(rng, f"<{mark}>") for mark in range(AT_ONCE)}

    found, ended = trio.run(
        suffer, place, list(payloads.values()), clock=MockClock(autojump_threshold=0)
    )
    done, let_go = marks_of(filter(is_done, ended)), marks_of(filter(may_go, ended))

    kept = [restore(payload) for at in found.values() for payload in at]
    marks = Counter(int(mark) for payload in kept for mark in MARK.findall(payload))
    assert set(marks.values()) == {1}
    assert done <= set(payloads) - set(marks) <= done | let_go
    # No hand is laid on what has no fields.
    assert {one for one in payloads.values() if not is_object(one)} <= set(kept)
    assert "backup" not in found
    assert "queue:default" not in found
    sys.stdout.write(f"{len(done)} done, {len(marks)} kept\n")


async def suffer(
    place: str, payloads: list[bytes]
) -> tuple[dict[str, list[bytes]], list[Ended]]:
    """Run with *payloads* in a place; return what is where then, and what has ended."""
    server, recorder = MemoryServer(TrioClock(EPOCH)), Recorder()
    async with Kiq(redis_url=server, server=False) as client:
        await put(client, place, payloads)
        async with Kiq(
            redis_url=server,
            workers=[take],
            extra_reporters=[recorder],
            random=random.Random(1).random,
        ) as kiq:
            await trio.sleep(LATER)
            # Whoever has stumbled does not come so far.
            last = await kiq.enqueue(take.new("the last"))
            await kiq.wait_idle()
        found = await places(client)
    ended = [event for event in recorder.events if isinstance(event, Ended)]
    assert last.jid in [event.job.jid for event in ended]
    return found, ended


def is_done(event: Ended) -> bool:
    return not isinstance(event.outcome, Failed)


def may_go(event: Ended) -> bool:
    """Whether a job wants nothing kept of it, or not for ever."""
    return event.job.retry is False or event.job.rest.get("dead") is False


def marks_of(events: Iterable[Ended]) -> set[int]:
    texts = [event.job.encode() for event in events]
    return {int(mark) for text in texts for mark in MARK.findall(text)}


async def put(kiq: Kiq, place: str, payloads: list[bytes]) -> None:
    if place == "queue":
        await kiq.redis.raw("LPUSH", "queue:default", *payloads)
    elif place == "grave":
        held = [
            part
            for number, payload in enumerate(payloads)
            for part in (f"default.1.{number}", b"default\n" + payload)
        ]
        await kiq.redis.raw("HSET", "kiq:backup|gone", *held)
        await kiq.redis.raw("SADD", "kiq:graves", "gone")
    else:
        due = EPOCH + LATER if place == "dead" else 1
        scored = [part for payload in payloads for part in (due, payload)]
        await kiq.redis.raw("ZADD", place, *scored)


def invent(rng: random.Random, mark: str) -> bytes:
    """Return a job, something like a job, or nothing of the kind."""
    text = json.dumps(rng.choice([invent_job, invent_list])(rng, mark)).encode()
    # Beyond the mark, by which it is known.
    cut = max(rng.randrange(len(text)), len(mark) + 11) if rng.random() < 0.2 else None
    match rng.randrange(6):
        case 0:
            return text[:cut].replace(b":", b"\x00\xff")
        case 1:
            return mark.encode() + rng.randbytes(rng.randrange(40))
        case _:
            return text[:cut]


def invent_list(rng: random.Random, mark: str) -> list[Any]:
    return [mark, invent_value(rng)]


def invent_job(rng: random.Random, mark: str) -> dict[str, Any]:
    odd = {rng.choice(FIELDS): invent_value(rng) for _ in range(rng.randrange(5))}
    usual = {"class": rng.choice(["take", "nobody"]), "args": [invent_value(rng)]}
    fields = {**usual, **odd} if rng.random() < 0.7 else odd
    if rng.random() < 0.2:
        fields[rng.choice(["class", "args"])] = invent_value(rng)
    return {"mark": mark, **fields}


def invent_value(rng: random.Random, depth: int = 0) -> Any:
    match rng.randrange(4 if depth < 3 else 2):
        case 0:
            return rng.choice(LONE)
        case 1:
            return rng.choice([rng.randrange(-9, 2**40), rng.uniform(-9, 2**40)])
        case 2:
            return [invent_value(rng, depth + 1) for _ in range(rng.randrange(4))]
        case _:
            return {
                rng.choice([*FIELDS, "", "x"]): invent_value(rng, depth + 1)
                for _ in range(rng.randrange(4))
            }


def is_object(payload: bytes) -> bool:
    try:
        return isinstance(json.loads(payload), dict)
    except ValueError:
        return False
