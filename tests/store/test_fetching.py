import pytest

from kiq_trio._store.burying import bury
from kiq_trio._store.enqueueing import Batch, enqueue
from kiq_trio._store.fetching import MOST_JOBS, Delivery
from kiq_trio._store.settling import Ack
from kiq_trio._wire.client import Redis
from kiq_trio.errors import FencedError, KiqError, QueuePausedError
from tests.store.deeds import ME, OTHER, held, join, move, put, take, waiting


@pytest.fixture
async def redis(redis: Redis) -> Redis:
    """The client, and the process `ME` is registered."""
    await join(redis, ME)
    return redis


async def test_the_oldest_jobs_come_first_and_are_held(redis: Redis) -> None:
    await put(redis, "mail", b"1", b"2", b"3")

    assert await take(redis, "mail", limit=2) == [
        Delivery("mail.1.0", "mail", b"1", ME),
        Delivery("mail.1.1", "mail", b"2", ME),
    ]

    assert await waiting(redis, "mail") == [b"3"]
    backup = f"kiq:backup|{ME}"
    assert await redis.raw("HGET", backup, "mail.1.1") == b"mail\n2"
    assert await held(redis) == 2


async def test_an_empty_queue_gives_nothing(redis: Redis) -> None:
    assert await take(redis, "mail") == []


async def test_the_last_jobs_leave_no_list_behind(redis: Redis) -> None:
    await put(redis, "mail", b"1", b"2")

    await take(redis, "mail", limit=2)

    assert await redis.raw("EXISTS", "queue:mail") == 0


async def test_the_same_call_gives_the_same_jobs_again(redis: Redis) -> None:
    await put(redis, "mail", b"1", b"2", b"3")
    jobs = await take(redis, "mail", limit=2)

    assert await take(redis, "mail", limit=2) == jobs

    assert await waiting(redis, "mail") == [b"3"]


async def test_the_same_call_gives_only_what_is_not_settled(redis: Redis) -> None:
    await put(redis, "mail", b"1", b"2", b"3")
    one, two, three = await take(redis, "mail", limit=3)
    await move(redis, (two, Ack()))

    assert await take(redis, "mail", limit=3) == [one, three]


async def test_the_same_call_gives_nothing_if_it_gave_nothing(redis: Redis) -> None:
    await take(redis, "mail", call=1)
    await put(redis, "mail", b"1")

    assert await take(redis, "mail", call=1) == []
    assert await held(redis) == 0


async def test_a_late_copy_of_an_older_call_gives_nothing(redis: Redis) -> None:
    await put(redis, "mail", b"1", b"2", b"3")
    await take(redis, "mail", call=9, limit=1)
    await take(redis, "mail", call=10, limit=1)

    assert await take(redis, "mail", call=9, limit=1) == []
    assert await waiting(redis, "mail") == [b"3"]


async def test_producers_number_their_calls_apart(redis: Redis) -> None:
    await put(redis, "mail", b"1")
    await put(redis, "post", b"2")

    assert await take(redis, "mail", call=5)
    assert await take(redis, "post", call=1)


async def test_two_entries_with_the_same_bytes_are_two_deliveries(redis: Redis) -> None:
    await put(redis, "mail", b"same", b"same")

    one, two = await take(redis, "mail")
    await move(redis, (one, Ack()))

    assert await held(redis) == 1
    assert two.id != one.id


async def test_payloads_are_never_looked_into(redis: Redis) -> None:
    odd = (b"", b"\n", b"mail\n1", b"\x00\xff", b'{"jid":', b"a\r\nb")
    await put(redis, "mail", *odd)

    first = await take(redis, "mail")
    again = await take(redis, "mail")

    assert tuple(job.payload for job in first) == odd
    assert again == first


async def test_who_is_not_registered_is_told_so(redis: Redis) -> None:
    await put(redis, "mail", b"1")

    with pytest.raises(FencedError, match="host:2:other is not registered"):
        await take(redis, "mail", identity=OTHER)

    assert await waiting(redis, "mail") == [b"1"]
    assert issubclass(FencedError, KiqError)


async def test_who_was_buried_gets_nothing_more(redis: Redis) -> None:
    await put(redis, "mail", b"1")
    await bury(redis, ME, 1)

    with pytest.raises(FencedError):
        await take(redis, "mail")

    assert await held(redis) == 0


async def test_a_paused_queue_is_not_an_empty_queue(redis: Redis) -> None:
    await put(redis, "mail", b"1")
    await redis.raw("SADD", "paused", "mail")

    with pytest.raises(QueuePausedError, match="'mail' is paused"):
        await take(redis, "mail", call=1)

    await redis.raw("SREM", "paused", "mail")
    assert await take(redis, "mail", call=1) == [], "a late copy finds nothing"
    assert len(await take(redis, "mail", call=2)) == 1


async def test_one_call_may_take_a_thousand_jobs(redis: Redis) -> None:
    payloads = tuple(b"%d" % n for n in range(MOST_JOBS))
    await enqueue(redis, [Batch("a", 1, "mail", payloads)])

    jobs = await take(redis, "mail", limit=MOST_JOBS)

    assert tuple(job.payload for job in jobs) == payloads
    assert await take(redis, "mail", limit=MOST_JOBS) == jobs


@pytest.mark.parametrize("limit", [0, MOST_JOBS + 1])
async def test_another_limit_is_refused(redis: Redis, limit: int) -> None:
    with pytest.raises(ValueError, match=r"limit must be 1 to 1,000, got"):
        await take(redis, "mail", limit=limit)
