"""Answers to who asks what the tasks of a process are doing."""

from kiq_trio._store.dumping import KEPT_FOR, read_dumps, write_dump
from kiq_trio._wire.client import Redis


async def test_an_answer_is_read_by_who_has_asked(redis: Redis) -> None:
    assert await read_dumps(redis, "t", ["a", "b"]) == {}

    await write_dump(redis, "t", "a", b"1")
    await write_dump(redis, "u", "b", b"2")

    assert await read_dumps(redis, "t", ["a", "b"]) == {"a": b"1"}
    assert await read_dumps(redis, "u", ["a", "b"]) == {"b": b"2"}
    assert await read_dumps(redis, "t", []) == {}


async def test_an_answer_that_nobody_reads_vanishes(redis: Redis) -> None:
    await write_dump(redis, "t", "a", b"1")

    assert 0 < await redis.raw("TTL", "kiq:dump|t|a") <= KEPT_FOR
