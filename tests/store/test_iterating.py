"""A job that Ruby may run in pieces is cancelled where Ruby looks (wire.md §6)."""

import pytest

from kiq_trio._store.iterating import Iteration, cancel_iteration, read_iteration
from kiq_trio._store.replies import read_pairs
from kiq_trio._wire.client import Redis


async def state(redis: Redis) -> dict[bytes, bytes]:
    return dict(read_pairs(await redis.raw("HGETALL", "it-abc")))


async def test_a_job_that_has_not_begun_is_cancelled_with_all_fields(
    redis: Redis,
) -> None:
    await cancel_iteration(redis, "abc", now=1795318252.9)

    assert await state(redis) == {
        b"ex": b"0",
        b"c": b"null",
        b"rt": b"0",
        b"cancelled": b"1795318252",
    }
    assert await redis.raw("TTL", "it-abc") == 2_592_000


async def test_a_job_that_has_begun_keeps_its_state(redis: Redis) -> None:
    await redis.raw("HSET", "it-abc", "ex", 1, "c", 14, "rt", 7.010404526)
    await redis.raw("EXPIRE", "it-abc", 1_000)

    await cancel_iteration(redis, "abc", now=5.0)
    await cancel_iteration(redis, "abc", now=9.0)

    assert await read_iteration(redis, "abc") == Iteration(1, 14, 7.010404526, 5)
    assert await redis.raw("TTL", "it-abc") == 1_000


async def test_a_job_that_was_only_cancelled_can_be_read(redis: Redis) -> None:
    await redis.raw("HSET", "it-abc", "cancelled", 5)

    assert await read_iteration(redis, "abc") == Iteration(0, None, 0.0, 5)


@pytest.mark.parametrize("number", ["x", "inf", "nan"])
async def test_a_state_of_nonsense_counts_as_none(redis: Redis, number: str) -> None:
    await redis.raw("HSET", "it-abc", "ex", number, "c", "{", "rt", "y")

    assert await read_iteration(redis, "abc") == Iteration(0, None, 0.0, None)


async def test_other_jobs_have_no_state(redis: Redis) -> None:
    assert await read_iteration(redis, "abc") is None
