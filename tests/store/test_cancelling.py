"""A cancelled job is told of first, and deleted where it waits."""

from collections.abc import Sequence
from typing import Any

import pytest

from kiq_trio._store import cancelling, finding, tending
from kiq_trio._store.browsing import Placed
from kiq_trio._store.cancelling import cancel
from kiq_trio._store.finding import Wanted
from kiq_trio._store.ordering import read_orders
from kiq_trio._wire.client import Redis
from kiq_trio.job import Job
from tests.store.deeds import FUTURE, ME, join, put, take

PLACES = ("queue:mail", "schedule", "retry")


def payload(jid: str = "abc", **fields: Any) -> bytes:
    return Job(job_class="A", jid=jid, queue="mail").set(**fields).encode()


async def lay(redis: Redis, place: str, *payloads: bytes) -> None:
    for n, one in enumerate(payloads):
        if place.startswith("queue:"):
            await redis.raw("SADD", "queues", place.removeprefix("queue:"))
            await redis.raw("LPUSH", place, one)
        else:
            await redis.raw("ZADD", place, FUTURE + n, one)


async def size(redis: Redis, place: str) -> int:
    name = "LLEN" if place.startswith("queue:") else "ZCARD"
    count: int = await redis.raw(name, place)
    return count


async def call_off(redis: Redis, jid: str = "abc") -> str:
    return await cancel(
        redis, jid, reason="no", now=5.0, is_meant=lambda job: "new" not in job.rest
    )


@pytest.mark.parametrize("place", PLACES)
async def test_a_job_that_waits_is_deleted_and_no_other(
    redis: Redis, place: str
) -> None:
    others = [payload(f"{n}") for n in range(450)]
    await lay(redis, place, *others[:300], payload(), *others[300:])

    assert await call_off(redis) == "waiting"

    assert await size(redis, place) == 450
    assert await call_off(redis) == "unknown"


@pytest.mark.parametrize("place", PLACES)
async def test_its_lock_is_released_if_it_is_its_own(redis: Redis, place: str) -> None:
    await redis.raw("SET", "kiq:unique:t1", "abc")
    await redis.raw("SET", "kiq:unique:t2", "other")
    await lay(redis, place, payload(unique_token="t1"))
    await lay(redis, place, payload("def", unique_token="t2"))

    assert await call_off(redis) == "waiting"
    assert await call_off(redis, "def") == "waiting"

    assert await redis.raw("EXISTS", "kiq:unique:t1") == 0
    assert await redis.raw("GET", "kiq:unique:t2") == b"other"


async def test_a_job_that_a_process_holds_is_left_to_it(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", payload("x"), payload())
    assert len(await take(redis, "mail")) == 2

    assert await call_off(redis) == "running"

    assert await redis.raw("HLEN", f"kiq:backup|{ME}") == 2


async def test_a_job_that_ends_while_it_is_looked_for_was_running(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await join(redis, ME)
    await put(redis, "mail", payload())
    await take(redis, "mail")

    async def find(redis: Redis, places: Sequence[str], wanted: Wanted) -> list[Placed]:
        found = await finding.find(redis, places, wanted)
        await redis.raw("DEL", f"kiq:backup|{ME}")
        return found

    monkeypatch.setattr(cancelling, "find", find)

    assert await call_off(redis) == "running"


async def test_the_order_is_given_before_anything_is_deleted(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lay(redis, "retry", payload())

    async def delete(redis: Redis, jobs: Sequence[Placed]) -> int:
        assert await read_orders(redis)
        return await tending.delete(redis, jobs)

    monkeypatch.setattr(cancelling, "delete", delete)
    assert await call_off(redis) == "waiting"

    [order] = await read_orders(redis)

    assert (order.kind, order.subject, order.reason, order.at) == (
        "cancel",
        "abc",
        "no",
        5.0,
    )


async def test_a_job_that_is_newer_than_the_order_stays(redis: Redis) -> None:
    await lay(redis, "queue:mail", payload(new=True))
    await redis.raw("SADD", "kiq:backups", "other")
    await redis.raw("HSET", "kiq:backup|other", "1", b"mail\n" + payload(new=True))

    assert await call_off(redis) == "unknown"

    assert await size(redis, "queue:mail") == 1


async def test_what_is_no_job_is_in_nobodys_way(redis: Redis) -> None:
    await lay(redis, "queue:mail", b"abc", b'"abc"')
    await lay(redis, "retry", b"abc")
    await redis.raw("SADD", "kiq:backups", "other")
    await redis.raw("HSET", "kiq:backup|other", "1", b"junk", "2", b"mail\njunk")

    assert await call_off(redis) == "unknown"


async def test_of_the_dead_nobody_is_cancelled(redis: Redis) -> None:
    await lay(redis, "dead", payload())

    assert await call_off(redis) == "unknown"

    assert await size(redis, "dead") == 1


async def test_what_ruby_may_run_is_told_where_ruby_looks(redis: Redis) -> None:
    await join(redis, ME)
    assert await call_off(redis) == "unknown"
    assert await redis.raw("EXISTS", "it-abc") == 0

    await redis.raw("SADD", "processes", "ruby:1:ab")
    assert await call_off(redis) == "unknown"

    assert await redis.raw("HGET", "it-abc", "cancelled") == b"5"


async def test_a_state_of_another_kind_is_in_nobodys_way(redis: Redis) -> None:
    await redis.raw("SET", "it-abc", "a string")
    await redis.raw("SADD", "processes", "ruby:1:ab")

    assert await call_off(redis) == "unknown"
    await lay(redis, "retry", payload())
    assert await call_off(redis) == "waiting"

    assert await redis.raw("GET", "it-abc") == b"a string"


async def test_a_job_that_runs_in_pieces_is_running_though_we_see_it_nowhere(
    redis: Redis,
) -> None:
    await redis.raw("HSET", "it-abc", "ex", 1, "c", 14, "rt", 0)

    assert await call_off(redis) == "running"

    assert await redis.raw("HGET", "it-abc", "cancelled") == b"5"
