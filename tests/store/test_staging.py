import pytest
from redis.exceptions import ResponseError

from kiq_trio._store.moving import Move
from kiq_trio._store.staging import Due, read_due, stage
from kiq_trio._wire.client import Redis
from tests.store.deeds import FUTURE, PAST, members, names_in, waiting


async def test_what_is_due_is_read_earliest_first_with_the_time_of_redis(
    redis: Redis,
) -> None:
    await redis.raw("ZADD", "retry", 3.25, b"c", 1.5, b"a", 2, b"b")
    await redis.raw("ZADD", "retry", FUTURE, b"later", FUTURE + 1, b"last")

    due = await read_due(redis, "retry")

    assert due.entries == ((b"a", 1.5), (b"b", 2.0), (b"c", 3.25))
    assert due.next_at == FUTURE
    seconds, micros = await redis.raw("TIME")
    assert 0 <= int(seconds) + int(micros) / 1e6 - due.now < 60


async def test_an_empty_set_has_nothing_due_and_nothing_to_wait_for(
    redis: Redis,
) -> None:
    due = await read_due(redis, "schedule")

    assert due == Due(due.now, (), None)


async def test_no_more_is_read_than_asked_for(redis: Redis) -> None:
    await redis.raw("ZADD", "retry", 1, b"a", 2, b"b", 3, b"c")

    due = await read_due(redis, "retry", limit=2)

    assert [member for member, _ in due.entries] == [b"a", b"b"]
    assert due.next_at is None


async def test_a_score_survives_to_the_last_digit(redis: Redis) -> None:
    score = 1695318296.3600285
    await redis.raw("ZADD", "retry", repr(score), b"job")
    due = await read_due(redis, "retry")
    assert due.entries == ((b"job", score),)

    assert await stage(redis, "retry", [Move(b"job", score, "mail", b"job")]) == 1


async def test_due_jobs_go_to_the_back_of_their_queues_earliest_first(
    redis: Redis,
) -> None:
    await redis.raw("ZADD", "schedule", 1, b"1", 2, b"2", 3, b"3")
    await redis.raw("LPUSH", "queue:mail", b"0")
    moves = [
        Move(b"1", 1, "mail", b"new 1"),
        Move(b"2", 2, "post", b"new 2"),
        Move(b"3", 3, "mail", b"new 3"),
    ]

    assert await stage(redis, "schedule", moves) == 3

    assert await waiting(redis, "mail") == [b"0", b"new 1", b"new 3"]
    assert await waiting(redis, "post") == [b"new 2"]
    assert await names_in(redis, "queues") == {"mail", "post"}
    assert await members(redis, "schedule") == []


async def test_a_repeated_call_moves_nothing(redis: Redis) -> None:
    await redis.raw("ZADD", "retry", PAST, b"1")
    moves = [Move(b"1", PAST, "mail", b"new")]
    await stage(redis, "retry", moves)

    assert await stage(redis, "retry", moves) == 0

    assert await waiting(redis, "mail") == [b"new"]


async def test_what_is_no_job_goes_to_the_dead_set_as_of_now(redis: Redis) -> None:
    await redis.raw("ZADD", "retry", PAST, b"garbage")
    due = await read_due(redis, "retry")

    assert await stage(redis, "retry", [Move(b"garbage", PAST, None, b"garbage")]) == 1

    ((member, score),) = await members(redis, "dead")
    assert member == b"garbage"
    assert 0 <= score - due.now < 60
    assert await members(redis, "retry") == []


async def test_a_thousand_due_jobs_are_moved_in_order(redis: Redis) -> None:
    names = [b"%d" % n for n in range(1_000)]
    for n, name in enumerate(names):
        await redis.raw("ZADD", "schedule", n, name)

    moves = [Move(name, n, "mail", name) for n, name in enumerate(names)]
    assert await stage(redis, "schedule", moves) == 1_000

    assert await waiting(redis, "mail") == names


async def test_nothing_to_stage_is_nothing_to_do(redis: Redis) -> None:
    assert await stage(redis, "schedule", []) == 0


@pytest.mark.parametrize("key", ["queue:mail", "queues", "dead"])
async def test_a_key_of_a_wrong_type_is_found_before_anything_is_moved(
    redis: Redis, key: str
) -> None:
    await redis.raw("SET", key, "a string")
    await redis.raw("ZADD", "retry", PAST, b"1", PAST, b"2", PAST, b"3")
    moves = [
        Move(b"1", PAST, "post", b"1"),
        Move(b"2", PAST, "mail", b"2"),
        Move(b"3", PAST, None, b"3"),
    ]

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await stage(redis, "retry", moves)

    assert await redis.raw("ZCARD", "retry") == 3
    assert await redis.raw("EXISTS", "queue:post") == 0
