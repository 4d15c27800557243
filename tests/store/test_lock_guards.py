"""Guards of locks and limits, one by one, as `test_guards.py` does for the rest."""

from typing import Any

import attrs

from kiq_trio._store.burying import Rescued, bury, read_grave
from kiq_trio._store.enqueueing import Batch, Duplicate, Full, Terms, enqueue
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.locking import read_owner, release
from kiq_trio._store.settling import Ack, Kill, Later, Retry, Settled
from kiq_trio._wire.client import Redis
from kiq_trio.unique import Lock
from tests.store.deeds import FUTURE, ME, held, join, members, move, put, take, waiting
from tests.store.test_guards import drain_all, expect_wrong_type


def terms(*jids: str, token: str = "t", max_size: int = 0) -> Terms:
    locks = tuple(Lock(token, jid, 60) if token else None for jid in jids)
    return Terms(jids, locks, max_size)


def unique(number: int, *jids: str, queue: str | None = "mail") -> Batch:
    payloads = tuple(jid.encode() for jid in jids)
    scores = () if queue else (FUTURE,) * len(jids)
    return Batch("a", number, queue, payloads, scores, terms(*jids))


async def owner_of(redis: Redis) -> Any:
    return await redis.raw("GET", "kiq:unique:t")


async def test_a_job_whose_lock_is_taken_is_not_stored(redis: Redis) -> None:
    assert await enqueue(redis, [unique(1, "j", "k")]) == [{"k": Duplicate("j")}]
    assert await enqueue(redis, [unique(2, "l")]) == [{"l": Duplicate("j")}]

    assert await waiting(redis, "mail") == [b"j"]
    assert await owner_of(redis) == b"j"


async def test_a_scheduled_job_takes_its_lock_at_once(redis: Redis) -> None:
    verdicts = await enqueue(redis, [unique(1, "j", "k", queue=None), unique(2, "l")])

    assert verdicts == [{"k": Duplicate("j")}, {"l": Duplicate("j")}]
    assert await members(redis, "schedule") == [(b"j", FUTURE)]


async def test_a_lock_lives_no_longer_than_it_is_said(redis: Redis) -> None:
    await enqueue(redis, [unique(1, "j")])

    assert 59_000 < await redis.raw("PTTL", "kiq:unique:t") <= 60_000


async def test_a_job_that_has_its_lock_already_is_no_duplicate_of_itself(
    redis: Redis,
) -> None:
    await redis.raw("SET", "kiq:unique:t", "j")

    assert await enqueue(redis, [unique(1, "j")]) == [None]


async def test_a_lock_that_a_hand_has_emptied_keeps_nobody_out(redis: Redis) -> None:
    await redis.raw("SET", "kiq:unique:t", "")

    assert await enqueue(redis, [unique(1, "j", "k")]) == [{"k": Duplicate("j")}]


async def test_a_queue_takes_no_more_than_it_may_hold(redis: Redis) -> None:
    await put(redis, "mail", b"0")
    batch = Batch(
        "a", 1, "mail", (b"1", b"2"), terms=terms("1", "2", token="", max_size=2)
    )

    assert await enqueue(redis, [batch]) == [{"2": Full()}]

    assert await waiting(redis, "mail") == [b"0", b"1"]


async def test_a_batch_of_which_nothing_is_stored_leaves_no_queue(redis: Redis) -> None:
    await redis.raw("SET", "kiq:unique:t", "somebody")

    assert await enqueue(redis, [unique(1, "j")]) == [{"j": Duplicate("somebody")}]

    assert await redis.raw("EXISTS", "queue:mail", "queues") == 0


async def test_a_repetition_hears_what_was_said_the_first_time(redis: Redis) -> None:
    batch = unique(1, "j", "k", "l")
    first = await enqueue(redis, [batch])
    await redis.raw("DEL", "kiq:unique:t", "queue:mail")

    assert await enqueue(redis, [batch]) == first

    assert await waiting(redis, "mail") == []


async def test_a_batch_without_terms_follows_one_with_them(redis: Redis) -> None:
    await enqueue(redis, [unique(1, "j", "k")])

    assert await enqueue(redis, [Batch("a", 2, "mail", (b"plain",))]) == [None]
    (stale,) = await enqueue(redis, [unique(1, "j", "k")])

    assert str(stale).startswith("STALE batch 1: batch 2 is stored")
    assert await waiting(redis, "mail") == [b"j", b"plain"]


async def test_an_admission_looks_at_all_places_before_it_writes(redis: Redis) -> None:
    await redis.raw("SADD", "kiq:unique:t", "no string")
    both = Batch("a", 1, "mail", (b"1", b"2"), terms=Terms(("1", "2"), (None, LOCK)))

    (error,) = await enqueue(redis, [both])

    assert "WRONGTYPE" in str(error)
    assert await redis.raw("EXISTS", "queue:mail", "queues", "kiq:flush|a") == 0

    await redis.raw("DEL", "kiq:unique:t")
    await redis.raw("SET", "queues", "a string")
    (error,) = await enqueue(redis, [unique(1, "j")])

    assert "WRONGTYPE" in str(error)
    assert await redis.raw("EXISTS", "queue:mail", "kiq:unique:t", "kiq:flush|a") == 0


LOCK = Lock("t", "j", 60)


async def hold_unique(redis: Redis) -> Delivery:
    await join(redis, ME)
    await enqueue(redis, [unique(1, "j")])
    (job,) = await take(redis, "mail")
    return job


async def test_who_is_done_gives_its_lock_back(redis: Redis) -> None:
    job = await hold_unique(redis)

    assert await move(redis, (job, Ack(LOCK))) == [Settled.MOVED]

    assert await owner_of(redis) is None
    assert await held(redis) == 0


async def test_who_is_done_leaves_the_lock_of_another_alone(redis: Redis) -> None:
    job = await hold_unique(redis)
    await redis.raw("SET", "kiq:unique:t", "another")

    assert await move(redis, (job, Ack(LOCK))) == [Settled.MOVED]

    assert await owner_of(redis) == b"another"


async def test_a_job_that_is_no_longer_ours_frees_nothing(redis: Redis) -> None:
    job = await hold_unique(redis)
    await redis.raw("DEL", f"kiq:backup|{ME}")

    assert await move(redis, (job, Ack(LOCK))) == [Settled.GONE]

    assert await owner_of(redis) == b"j"


async def test_a_job_that_is_tried_again_keeps_its_lock_until_then(
    redis: Redis,
) -> None:
    job = await hold_unique(redis)

    await move(redis, (job, Retry(FUTURE, b"j", attrs.evolve(LOCK, seconds=900))))

    assert await owner_of(redis) == b"j"
    assert 899_000 < await redis.raw("PTTL", "kiq:unique:t") <= 900_000


async def test_a_lock_that_lives_long_enough_is_not_made_shorter(redis: Redis) -> None:
    job = await hold_unique(redis)

    await move(redis, (job, Retry(FUTURE, b"j", attrs.evolve(LOCK, seconds=5))))

    assert await redis.raw("PTTL", "kiq:unique:t") > 50_000


async def test_a_job_that_is_tried_again_takes_a_lock_that_expired(
    redis: Redis,
) -> None:
    job = await hold_unique(redis)
    await redis.raw("DEL", "kiq:unique:t")

    await move(redis, (job, Later(FUTURE, b"j", LOCK)))

    assert await owner_of(redis) == b"j"


async def test_a_job_that_is_tried_again_takes_no_lock_from_another(
    redis: Redis,
) -> None:
    job = await hold_unique(redis)
    await redis.raw("SET", "kiq:unique:t", "another", "PX", 10)

    await move(redis, (job, Retry(FUTURE, b"j", LOCK)))

    assert await owner_of(redis) in {b"another", None}


async def test_a_settlement_looks_at_the_locks_before_it_writes(redis: Redis) -> None:
    job = await hold_unique(redis)
    await redis.raw("DEL", "kiq:unique:t")
    await redis.raw("SADD", "kiq:unique:t", "no string")

    await expect_wrong_type(move(redis, (job, Kill(FUTURE, b"j", LOCK))))

    assert await held(redis) == 1
    assert await members(redis, "dead") == []


async def test_a_grave_gives_back_the_locks_of_those_who_died_for_good(
    redis: Redis,
) -> None:
    await hold_unique(redis)
    await bury(redis, ME, 1)
    (one,) = await read_grave(redis, ME)

    await drain_all(redis, [Rescued(one, b"j", to_dead=True, lock=LOCK)])

    assert await owner_of(redis) is None


async def test_a_grave_leaves_the_lock_of_another_alone(redis: Redis) -> None:
    await hold_unique(redis)
    await redis.raw("SET", "kiq:unique:t", "another")
    await bury(redis, ME, 1)
    (one,) = await read_grave(redis, ME)

    await drain_all(redis, [Rescued(one, b"j", to_dead=True, lock=LOCK)])

    assert await owner_of(redis) == b"another"


async def test_a_lock_is_released_by_its_owner_only(redis: Redis) -> None:
    await redis.raw("SET", "kiq:unique:t", "j")

    assert not await release(redis, "t", "another")
    assert await read_owner(redis, "t") == "j"
    assert await release(redis, "t", "j")
    assert await read_owner(redis, "t") is None
