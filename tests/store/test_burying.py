import pytest
from redis.exceptions import ResponseError

from kiq_trio._store.burying import (
    Held,
    Rescued,
    bury,
    bury_orphan,
    look_around,
    read_grave,
)
from kiq_trio._store.enqueueing import Batch, enqueue
from kiq_trio._store.registering import beat, read_counters, register
from kiq_trio._store.settling import Requeue, Settled
from kiq_trio._wire.client import Redis
from tests.store.deeds import (
    FUTURE,
    ME,
    OTHER,
    held,
    join,
    members,
    move,
    names_in,
    put,
    take,
    waiting,
)
from tests.store.test_guards import drain_all


async def as_found(redis: Redis, identity: str = ME) -> list[Rescued]:
    return [Rescued(one, one.payload) for one in await read_grave(redis, identity)]


async def test_a_counter_that_stands_still_is_buried(redis: Redis) -> None:
    await join(redis, ME, OTHER)

    assert await bury(redis, ME, 1)

    assert (await look_around(redis)).graves == {ME}
    assert await read_counters(redis) == {OTHER: 1}


async def test_a_single_beat_defeats_a_burial(redis: Redis) -> None:
    number = await register(redis, ME)
    await beat(redis, ME, number)

    assert not await bury(redis, ME, 1)

    assert (await look_around(redis)).graves == set()
    assert await read_counters(redis) == {ME: 2}


async def test_who_is_gone_is_not_buried_again(redis: Redis) -> None:
    await join(redis, ME)
    await bury(redis, ME, 1)
    await drain_all(redis, [])

    assert not await bury(redis, ME, 1)

    assert (await look_around(redis)).graves == set()


async def test_a_backup_without_an_owner_is_an_orphan_until_it_has_a_grave(
    redis: Redis,
) -> None:
    await join(redis, ME)
    await redis.raw("SADD", "kiq:backups", OTHER)
    assert (await look_around(redis)).orphans == {OTHER}

    assert await bury_orphan(redis, OTHER)

    assert (await look_around(redis)).graves == {OTHER}
    assert (await look_around(redis)).orphans == set()
    assert not await bury_orphan(redis, OTHER), "it has one already"


async def test_who_has_no_backup_needs_no_grave(redis: Redis) -> None:
    assert not await bury_orphan(redis, ME)

    assert (await look_around(redis)).graves == set()


async def test_a_grave_is_read_oldest_first(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", *(b"%d" % n for n in range(12)))
    await take(redis, "mail", call=2, limit=11)
    await take(redis, "mail", call=10, limit=1)

    grave = await read_grave(redis, ME)

    assert [one.payload for one in grave] == [b"%d" % n for n in range(12)]
    assert grave[11] == Held("mail.10.0", "mail", b"11", b"mail\n11")


async def test_what_a_hand_left_in_a_backup_is_read_too(redis: Redis) -> None:
    backup = f"kiq:backup|{ME}"
    await redis.raw("HSET", backup, "odd", b"no queue", "mail.1.0", b"mail\n1")

    grave = await read_grave(redis, ME)

    assert Held("odd", "", b"no queue", b"no queue") in grave
    assert len(grave) == 2


async def test_the_rescued_are_written_as_they_were_given(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2")
    await take(redis, "mail")
    await bury(redis, ME, 1)
    one, two = await read_grave(redis, ME)

    assert await drain_all(
        redis, [Rescued(one, b"stamped 1"), Rescued(two, b"pill 2", to_dead=True)]
    )

    assert await waiting(redis, "mail") == [b"stamped 1"]
    assert await members(redis, "dead") == [(b"pill 2", FUTURE)]


async def test_a_closed_grave_leaves_nothing(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1")
    await take(redis, "mail")
    await bury(redis, ME, 1)

    assert await drain_all(redis, await as_found(redis))

    assert await redis.raw("KEYS", "kiq:*|*me") == []
    assert await names_in(redis, "kiq:backups") == set()
    assert (await look_around(redis)).graves == set()


async def test_two_rescuers_give_a_job_back_once(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2")
    await take(redis, "mail")
    await bury(redis, ME, 1)
    first, second = await as_found(redis), await as_found(redis)

    await drain_all(redis, first)
    assert await drain_all(redis, second)

    assert await waiting(redis, "mail") == [b"1", b"2"]


async def test_a_late_settlement_finds_its_job_gone(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1")
    (job,) = await take(redis, "mail")
    await bury(redis, ME, 1)
    await drain_all(redis, await as_found(redis))

    assert await move(redis, (job, Requeue())) == [Settled.GONE]

    assert await waiting(redis, "mail") == [b"1"]


async def test_a_thousand_jobs_come_back_in_order_before_what_waits(
    redis: Redis,
) -> None:
    payloads = tuple(b"%d" % n for n in range(1_000))
    await join(redis, ME)
    await enqueue(redis, [Batch("a", 1, "mail", (*payloads[:999], b"999"))])
    await take(redis, "mail", limit=1_000)
    await enqueue(redis, [Batch("a", 2, "mail", (b"waits",))])
    await bury(redis, ME, 1)

    assert await drain_all(redis, await as_found(redis))

    assert tuple(await waiting(redis, "mail")) == (*payloads, b"waits")


@pytest.mark.parametrize("key", ["queue:mail", "queues", "dead"])
async def test_a_key_of_a_wrong_type_is_found_before_anything_is_moved(
    redis: Redis, key: str
) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2")
    await put(redis, "post", b"3")
    await take(redis, "mail")
    await take(redis, "post")
    await bury(redis, ME, 1)
    await redis.raw("DEL", key)
    await redis.raw("SET", key, "a string")
    *moves, last = await as_found(redis)

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await drain_all(redis, [*moves, Rescued(last.held, b"3", to_dead=True)])
    assert await held(redis) == 3

    if key != "queue:mail":
        assert await waiting(redis, "mail") == []
