import pytest

from kiq_trio._store.browsing import Placed, count_placed, read_page
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
