import pytest
from redis.exceptions import ResponseError

from kiq_trio._store.enqueueing import Batch, enqueue
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import Ack, Kill, Later, Requeue, Retry, Settled
from kiq_trio._wire.client import Redis
from tests.store.deeds import FUTURE, ME, held, join, members, move, put, take, waiting


@pytest.fixture
async def jobs(redis: Redis) -> list[Delivery]:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2", b"3", b"4", b"5")
    return await take(redis, "mail")


async def test_each_job_goes_where_its_settlement_says(
    redis: Redis, jobs: list[Delivery]
) -> None:
    settled = await move(
        redis,
        (jobs[0], Ack()),
        (jobs[1], Retry(FUTURE, b"retry 2")),
        (jobs[2], Kill(FUTURE + 1, b"dead 3")),
        (jobs[3], Requeue()),
        (jobs[4], Later(FUTURE + 2, b"later 5")),
    )

    assert settled == [Settled.MOVED] * 5
    assert await held(redis) == 0
    assert await members(redis, "schedule") == [(b"later 5", FUTURE + 2)]
    assert await members(redis, "retry") == [(b"retry 2", FUTURE)]
    assert await members(redis, "dead") == [(b"dead 3", FUTURE + 1)]
    assert await waiting(redis, "mail") == [b"4"]


async def test_nothing_to_settle_is_nothing_to_do(redis: Redis) -> None:
    assert await move(redis) == []


async def test_a_repeated_call_moves_nothing(
    redis: Redis, jobs: list[Delivery]
) -> None:
    settlements = (
        (jobs[0], Retry(FUTURE, b"retry")),
        (jobs[1], Kill(FUTURE, b"dead")),
        (jobs[2], Requeue()),
    )
    await move(redis, *settlements)
    await redis.raw("DEL", "retry", "dead", "queue:mail")

    assert await move(redis, *settlements) == [Settled.GONE] * 3

    assert await redis.raw("EXISTS", "retry", "dead", "queue:mail") == 0


async def test_a_job_that_is_gone_does_not_hold_up_the_others(
    redis: Redis, jobs: list[Delivery]
) -> None:
    await move(redis, (jobs[0], Requeue()))

    settled = await move(redis, (jobs[0], Requeue()), (jobs[1], Requeue()))

    assert settled == [Settled.GONE, Settled.MOVED]


async def test_an_ack_is_told_gone_if_no_ack_of_its_batch_was_ours(
    redis: Redis, jobs: list[Delivery]
) -> None:
    assert await move(redis, (jobs[0], Ack())) == [Settled.MOVED]
    assert await move(redis, (jobs[0], Ack())) == [Settled.GONE]
    assert await move(redis, (jobs[0], Ack()), (jobs[1], Ack())) == [Settled.MOVED] * 2


@pytest.mark.parametrize("kind", [Retry, Kill])
async def test_a_payload_that_is_there_already_clashes_and_stays_ours(
    redis: Redis, jobs: list[Delivery], kind: type[Retry | Kill]
) -> None:
    await move(redis, (jobs[0], kind(FUTURE, b"same")))

    settled = await move(redis, (jobs[1], kind(FUTURE + 9, b"same")))

    assert settled == [Settled.CLASH]
    assert await held(redis) == 4
    key = "retry" if kind is Retry else "dead"
    assert await members(redis, key) == [(b"same", FUTURE)]


async def test_a_clash_is_settled_by_a_payload_that_differs(
    redis: Redis, jobs: list[Delivery]
) -> None:
    await move(redis, (jobs[0], Retry(FUTURE, b"same")))
    await move(redis, (jobs[1], Retry(FUTURE, b"same")))

    assert await move(redis, (jobs[1], Retry(FUTURE, b"other"))) == [Settled.MOVED]

    assert await held(redis) == 3


async def test_jobs_of_several_queues_are_requeued_each_to_its_own(
    redis: Redis, jobs: list[Delivery]
) -> None:
    await put(redis, "post", b"a", b"b")
    others = await take(redis, "post")

    await move(redis, *((job, Requeue()) for job in (*jobs, *others)))

    assert await waiting(redis, "mail") == [b"1", b"2", b"3", b"4", b"5"]
    assert await waiting(redis, "post") == [b"a", b"b"]


async def test_a_thousand_jobs_are_requeued_in_their_old_order(redis: Redis) -> None:
    await join(redis, ME)
    payloads = tuple(b"%d" % n for n in range(1_000))
    await enqueue(redis, [Batch("a", 1, "mail", payloads)])
    jobs = await take(redis, "mail", limit=1_000)

    settled = await move(redis, *((job, Requeue()) for job in jobs))

    assert settled == [Settled.MOVED] * 1_000
    assert tuple(await waiting(redis, "mail")) == payloads


async def test_answers_come_in_the_order_of_the_batch_however_it_is_cut(
    redis: Redis,
) -> None:
    await join(redis, ME)
    payloads = tuple(b"%d" % n for n in range(500))
    await enqueue(redis, [Batch("a", 1, "mail", payloads)])
    jobs = await take(redis, "mail", limit=500)
    await move(redis, (jobs[3], Requeue()), (jobs[450], Requeue()))

    settled = await move(redis, *((job, Retry(FUTURE, job.payload)) for job in jobs))

    gone = [n for n, how in enumerate(settled) if how is Settled.GONE]
    assert gone == [3, 450]


@pytest.mark.parametrize("key", ["retry", "dead", "queue:mail", "queues"])
async def test_a_key_of_a_wrong_type_is_found_before_anything_is_moved(
    redis: Redis, jobs: list[Delivery], key: str
) -> None:
    await redis.raw("DEL", key)
    await redis.raw("SET", key, "a string")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await move(
            redis,
            (jobs[0], Retry(FUTURE, b"retry")),
            (jobs[1], Kill(FUTURE, b"dead")),
            (jobs[2], Requeue()),
        )

    assert await held(redis) == 5
    destinations = {"retry", "dead", "queue:mail"} - {key}
    assert await redis.raw("EXISTS", *destinations) == 0
