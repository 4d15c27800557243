"""Going through a place while others change it under our feet."""

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import pytest

from kiq_trio._store.browsing import Placed
from kiq_trio._store.walking import Sift, Walk
from kiq_trio._wire.client import Redis
from tests.store.chores import lie_in, payload, wait_in

PLACES = ["queue:mail", "retry"]

Change: TypeAlias = Callable[[list[Placed]], Awaitable[None]]


async def fill(redis: Redis, place: str, payloads: Sequence[bytes]) -> None:
    if place in PLACES[1:]:
        await lie_in(redis, place, *payloads)
    else:
        await wait_in(redis, "mail", *payloads)


async def remove(redis: Redis, place: str, *payloads: bytes) -> None:
    for one in payloads:
        if place in PLACES[1:]:
            await redis.raw("ZREM", place, one)
        else:
            await redis.raw("LREM", place, 1, one)


async def walk(redis: Redis, place: str, change: Change) -> list[bytes]:
    found: list[bytes] = []
    async for page in Walk(redis, place):
        found += [one.payload for one in page]
        await change(page)
    return found


async def nothing(_page: list[Placed]) -> None:
    """Leave all as it is."""


def jobs(count: int) -> list[bytes]:
    return [payload(str(n)) for n in range(count)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("count", [1, 200, 201, 202, 450, 1_000])
async def test_all_are_given_once_and_in_order(
    redis: Redis, place: str, count: int
) -> None:
    await fill(redis, place, jobs(count))

    assert await walk(redis, place, nothing) == jobs(count)


@pytest.mark.parametrize("place", PLACES)
async def test_nothing_is_missed_when_each_page_is_deleted(
    redis: Redis, place: str
) -> None:
    await fill(redis, place, jobs(1_000))

    async def delete(page: list[Placed]) -> None:
        await remove(redis, place, *(one.payload for one in page))

    assert await walk(redis, place, delete) == jobs(1_000)
    assert await redis.raw("EXISTS", place) == 0


@pytest.mark.parametrize("place", PLACES)
async def test_nothing_is_missed_when_all_but_a_few_are_deleted(
    redis: Redis, place: str
) -> None:
    await fill(redis, place, jobs(1_000))

    async def delete(page: list[Placed]) -> None:
        await remove(redis, place, *(one.payload for one in page[1:]))

    assert await walk(redis, place, delete) == jobs(1_000)


@pytest.mark.parametrize("place", PLACES)
async def test_nothing_is_missed_when_what_was_met_has_gone_all_at_once(
    redis: Redis, place: str
) -> None:
    await fill(redis, place, jobs(2_000))
    met: list[bytes] = []

    async def delete_late(page: list[Placed]) -> None:
        met.extend(one.payload for one in page)
        if len(met) == 1_400:
            await remove(redis, place, *met[3:])

    found = await walk(redis, place, delete_late)

    assert sorted(found) == sorted(jobs(2_000))


async def test_jobs_of_one_time_are_told_apart(redis: Redis) -> None:
    for one in jobs(700):
        await redis.raw("ZADD", "retry", 5, one)

    async def delete(page: list[Placed]) -> None:
        await remove(redis, "retry", *(one.payload for one in page[::2]))

    assert sorted(await walk(redis, "retry", delete)) == sorted(jobs(700))


async def test_a_queue_that_is_worked_on_is_gone_through_once(redis: Redis) -> None:
    await wait_in(redis, "mail", *jobs(600))

    async def work(_page: list[Placed]) -> None:
        await redis.raw("RPOP", "queue:mail", 50)
        await redis.raw("LPUSH", "queue:mail", payload("new"))

    found = await walk(redis, "queue:mail", work)

    assert found[:600] == jobs(600)
    assert set(found[600:]) == {payload("new")}


async def test_what_goes_back_to_the_front_hides_nothing(redis: Redis) -> None:
    await wait_in(redis, "mail", *jobs(600))
    back = [payload(f"back{n}") for n in range(250)]

    async def requeue(page: list[Placed]) -> None:
        if page[0].payload == payload("0"):
            await redis.raw("RPUSH", "queue:mail", *back)

    found = await walk(redis, "queue:mail", requeue)

    assert len(found) == len(set(found))
    assert [one for one in found if one not in back] == jobs(600)


async def test_what_comes_in_front_of_what_was_met_is_passed_by(redis: Redis) -> None:
    await lie_in(redis, "retry", *jobs(450))

    async def come_first(page: list[Placed]) -> None:
        if page[0].payload == payload("0"):
            early = [payload(f"early{n}") for n in range(1_000)]
            await redis.raw("ZADD", "retry", *(x for one in early for x in (1, one)))

    assert await walk(redis, "retry", come_first) == jobs(450)


async def test_a_job_that_is_rescheduled_is_given_again_at_its_new_time(
    redis: Redis,
) -> None:
    await lie_in(redis, "schedule", *jobs(300))

    async def later(page: list[Placed]) -> None:
        if page[0].payload == payload("0"):
            await redis.raw("ZADD", "schedule", 9.9e9, payload("0"))

    found = await walk(redis, "schedule", later)

    assert found == [*jobs(300), payload("0")]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("seed", range(20))
async def test_what_stays_is_given_once_whatever_else_happens(
    redis: Redis, place: str, seed: int
) -> None:
    dice = random.Random(seed)
    there = jobs(900)
    await fill(redis, place, there)
    gone: set[bytes] = set()

    async def change(_page: list[Placed]) -> None:
        some = dice.sample(there, dice.choice([0, 3, 150]))
        gone.update(some)
        await remove(redis, place, *some)
        new = [payload(f"new{dice.random()}") for _ in range(dice.choice([0, 3, 150]))]
        if place == "retry":
            for one in new:
                await redis.raw("ZADD", place, 9e9 + dice.uniform(-10, 700), one)
        elif new:
            await redis.raw(dice.choice(["LPUSH", "RPUSH"]), place, *new)

    found = await walk(redis, place, change)

    assert len(found) == len(set(found))
    stayed = [one for one in there if one not in gone]
    assert [one for one in found if one in set(stayed)] == stayed


async def test_a_walk_says_when_it_looked(redis: Redis) -> None:
    await wait_in(redis, "mail", b"1")
    source = Walk(redis, "queue:mail")
    seconds, _ = await redis.raw("TIME")

    await anext(source)

    assert source.seen_at == pytest.approx(int(seconds), abs=30)


async def test_a_sift_gives_what_fits_and_may_be_left(redis: Redis) -> None:
    await lie_in(redis, "dead", *jobs(450))

    found = [
        one.payload async for page in Sift(redis, "dead", '*"44?"*') for one in page
    ]
    async for page in Sift(redis, "dead", "*"):
        assert page
        break

    assert sorted(found) == [payload(f"44{n}") for n in range(10)]
