import pytest

from kiq_trio._store.browsing import (
    Placed,
    Wanted,
    count_placed,
    find,
    read_page,
    scan,
)
from kiq_trio._wire.client import Redis
from tests.store.chores import lie_in, payload, wait_in

PLACES = ["queue:mail", "retry"]


async def fill(redis: Redis, place: str, *payloads: bytes) -> None:
    if place == "retry":
        await lie_in(redis, place, *payloads)
    else:
        await wait_in(redis, "mail", *payloads)


@pytest.mark.parametrize("place", PLACES)
async def test_pages_begin_with_what_comes_next(redis: Redis, place: str) -> None:
    await fill(redis, place, *(payload(str(n)) for n in range(5)))

    pages = [await read_page(redis, place, skip=skip, limit=2) for skip in (0, 2, 4, 6)]

    jids = [[one.job.jid for one in page if one.job] for page in pages]
    assert jids == [["0", "1"], ["2", "3"], ["4"], []]
    assert await count_placed(redis, place) == 5


async def test_what_is_no_job_is_seen_all_the_same(redis: Redis) -> None:
    await lie_in(redis, "dead", b"{nonsense")

    (placed,) = await read_page(redis, "dead")

    assert placed == Placed("dead", b"{nonsense", 9e9)
    assert placed.job is None


@pytest.mark.parametrize("place", PLACES)
async def test_a_scan_gives_all_there_is(redis: Redis, place: str) -> None:
    payloads = [payload(str(n)) for n in range(450)]
    await fill(redis, place, *payloads)

    found = {one.payload async for page in scan(redis, place) for one in page}

    assert found == set(payloads)


async def test_a_scan_of_a_queue_misses_nothing_while_jobs_come_and_go(
    redis: Redis,
) -> None:
    payloads = [payload(str(n)) for n in range(450)]
    await wait_in(redis, "mail", *payloads)
    found = set()

    async for page in scan(redis, "queue:mail"):
        found |= {one.payload for one in page}
        await redis.raw("RPOP", "queue:mail")
        await redis.raw("LPUSH", "queue:mail", payload("new"))

    assert found >= set(payloads[3:])


@pytest.mark.parametrize(
    ("wanted", "jids"),
    [
        (Wanted(jid="b"), ["b"]),
        (Wanted(jid="a/b"), ["a/b"]),
        (Wanted(job_class="Report"), ["b", "c"]),
        (Wanted(job_class="Report", jid="a"), []),
        (Wanted(queue="mail"), ["a", "b", "a/b"]),
        (Wanted(), ["a", "b", "c", "a/b"]),
    ],
)
async def test_jobs_are_found_by_what_they_are(
    redis: Redis, wanted: Wanted, jids: list[str]
) -> None:
    wrapped = payload("c", "Sidekiq::ActiveJob::Wrapper", wrapped="Report", queue="low")
    jobs = (payload("a"), payload("b", "Report"), wrapped, payload("a/b"))
    await lie_in(redis, "retry", *jobs, b"nonsense")

    found = await find(redis, ["schedule", "retry"], wanted)

    assert [one.job.jid for one in found if one.job] == jids


async def test_a_job_is_of_the_queue_that_it_waits_in(redis: Redis) -> None:
    await wait_in(redis, "post", payload("a", queue="mail"))

    assert await find(redis, ["queue:post"], Wanted(queue="mail")) == []
    (found,) = await find(redis, ["queue:post"], Wanted(queue="post"))

    assert found == Placed("queue:post", payload("a", queue="mail"))
