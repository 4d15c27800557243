import pytest
from redis.exceptions import ResponseError

from kiq_trio._store.enqueueing import MOST_PAYLOADS, Batch, enqueue
from kiq_trio._wire.client import Redis
from tests.store.deeds import members, names_in, waiting


async def test_jobs_wait_in_the_order_in_which_they_were_given(redis: Redis) -> None:
    assert await enqueue(redis, [Batch("a", 1, "mail", (b"1", b"2"))]) == [None]
    assert await enqueue(redis, [Batch("a", 2, "mail", (b"3",))]) == [None]

    assert await waiting(redis, "mail") == [b"1", b"2", b"3"]
    assert await names_in(redis, "queues") == {"mail"}


async def test_scheduled_jobs_keep_their_times_to_the_last_digit(redis: Redis) -> None:
    at = 1795318296.3600285
    batch = Batch("a", 1, None, (b"1", b"2"), (at, at + 1))

    assert await enqueue(redis, [batch]) == [None]

    assert await members(redis, "schedule") == [(b"1", at), (b"2", at + 1)]


@pytest.mark.parametrize(
    "batch",
    [Batch("a", 7, "mail", (b"1", b"2")), Batch("a", 7, None, (b"1",), (1.0,))],
    ids=["queue", "schedule"],
)
async def test_a_repeated_batch_is_stored_once(redis: Redis, batch: Batch) -> None:
    assert await enqueue(redis, [batch, batch]) == [None, None]
    count = len(await waiting(redis, "mail") or await members(redis, "schedule"))
    await redis.raw("DEL", "queue:mail", "schedule")

    assert await enqueue(redis, [batch]) == [None]

    assert count == len(batch.payloads)
    assert await waiting(redis, "mail") == []
    assert await members(redis, "schedule") == []


@pytest.mark.parametrize("queue", ["mail", None])
async def test_a_late_copy_of_an_older_batch_is_refused(
    redis: Redis, queue: str | None
) -> None:
    scores = () if queue else (1.0,)
    old = Batch("a", 9, queue, (b"old",), scores)
    await enqueue(redis, [old, Batch("a", 10, queue, (b"new",), scores)])
    await redis.raw("DEL", "queue:mail", "schedule")

    (error,) = await enqueue(redis, [old])

    assert isinstance(error, ResponseError)
    assert str(error).startswith("STALE batch 9: batch 10 is stored")
    assert await redis.raw("EXISTS", "queue:mail", "schedule") == 0


async def test_lanes_do_not_know_each_other(redis: Redis) -> None:
    batches = [Batch("a", 2, "mail", (b"1",)), Batch("b", 1, "mail", (b"2",))]

    assert await enqueue(redis, batches) == [None, None]

    assert await waiting(redis, "mail") == [b"1", b"2"]


async def test_the_error_of_one_batch_harms_no_other(redis: Redis) -> None:
    await redis.raw("SET", "queue:broken", "a string")
    batches = [
        Batch("a", 1, "broken", (b"1",)),
        Batch("b", 1, "mail", (b"2",)),
    ]

    error, fine = await enqueue(redis, batches)

    assert "WRONGTYPE" in str(error)
    assert fine is None
    assert await waiting(redis, "mail") == [b"2"]


async def test_a_batch_may_hold_as_many_jobs_as_lua_can_unpack(redis: Redis) -> None:
    payloads = tuple(b"%d" % n for n in range(MOST_PAYLOADS))
    scores = tuple(float(n) for n in range(MOST_PAYLOADS))
    batches = [Batch("a", 1, "mail", payloads), Batch("b", 1, None, payloads, scores)]

    assert await enqueue(redis, batches) == [None, None]

    assert tuple(await waiting(redis, "mail")) == payloads
    assert await redis.raw("ZCARD", "schedule") == MOST_PAYLOADS


@pytest.mark.parametrize("count", [0, MOST_PAYLOADS + 1])
def test_a_batch_of_another_size_cannot_be_made(count: int) -> None:
    with pytest.raises(ValueError, match=r"payloads must be 1 to 1,000, got"):
        Batch("a", 1, "mail", (b"1",) * count)


def test_scores_are_for_the_schedule_alone() -> None:
    with pytest.raises(ValueError, match="scores must be 0, got 1"):
        Batch("a", 1, "mail", (b"1",), (1.0,))
    with pytest.raises(ValueError, match="scores must be 1, got 0"):
        Batch("a", 1, None, (b"1",))


async def test_a_lane_is_forgotten_when_nothing_came_for_long(redis: Redis) -> None:
    await enqueue(redis, [Batch("a", 1, "mail", (b"1",))], marker_ttl=77)

    assert await redis.raw("TTL", "kiq:flush|a") == 77
