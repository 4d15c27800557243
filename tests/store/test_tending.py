import json
from collections.abc import Sequence

import pytest

from kiq_trio._fields import time_writer
from kiq_trio._store.browsing import Placed, read_page
from kiq_trio._store.moving import Move, move
from kiq_trio._store.pausing import pause, resume
from kiq_trio._store.tending import (
    Progress,
    cannot_run,
    delete,
    kill,
    run_again,
    tend,
    tend_all,
)
from kiq_trio._wire.client import Redis
from tests.store.chores import lie_in, payload, wait_in
from tests.store.deeds import FUTURE, members, names_in, waiting

NOW = 1_800_000_000.0
TOKEN = "f" * 64


@pytest.mark.parametrize("place", ["retry", "dead"])
async def test_a_failed_job_runs_again_without_losing_an_attempt(
    redis: Redis, place: str
) -> None:
    failed = payload("a", retry_count=3, error_class="E", at=1, strange={"x": 1})
    await lie_in(redis, place, failed)

    assert await run_again(redis, await read_page(redis, place), now=NOW) == 1

    assert await members(redis, place) == []
    (job,) = [json.loads(one) for one in await waiting(redis, "mail")]
    assert job == {
        "class": "Mailer",
        "args": [1],
        "queue": "mail",
        "jid": "a",
        "retry_count": 2,
        "error_class": "E",
        "strange": {"x": 1},
        # As Sidekiq's client fills in what is missing.
        "retry": True,
        "created_at": 1_800_000_000_000,
        "enqueued_at": 1_800_000_000_000,
    }
    assert await names_in(redis, "queues") == {"mail"}


async def test_a_scheduled_job_that_runs_now_keeps_its_count(redis: Redis) -> None:
    await lie_in(redis, "schedule", payload("a", retry_count=3))

    assert await run_again(redis, await read_page(redis, "schedule"), now=NOW) == 1

    (job,) = [json.loads(one) for one in await waiting(redis, "mail")]
    assert job["retry_count"] == 3


async def test_what_is_no_job_cannot_be_run_and_stays(redis: Redis) -> None:
    await lie_in(redis, "dead", b"nonsense", payload("a"))
    jobs = await read_page(redis, "dead")

    assert await run_again(redis, jobs, now=NOW) == 1

    assert [cannot_run(one) for one in jobs] == [True, False]
    assert await members(redis, "dead") == [(b"nonsense", FUTURE)]


async def test_a_killed_job_is_dead_as_it_was(redis: Redis) -> None:
    failed = payload("a", unique_token=TOKEN, failed_at=5, retry_count=0)
    await lie_in(redis, "retry", failed, b"nonsense")
    await redis.raw("SET", f"kiq:unique:{TOKEN}", "a")

    assert await kill(redis, await read_page(redis, "retry"), now=NOW) == 2

    dead = dict(await members(redis, "dead"))
    assert dead.keys() == {failed, b"nonsense"}
    assert await members(redis, "retry") == []
    assert await redis.raw("EXISTS", f"kiq:unique:{TOKEN}") == 0


@pytest.mark.parametrize(("sidekiq", "written"), [(8, int(NOW * 1000)), (7, NOW)])
async def test_what_is_killed_before_it_failed_has_the_times_of_a_failure(
    redis: Redis, sidekiq: int, written: float
) -> None:
    await lie_in(redis, "schedule", payload("a"))
    await lie_in(redis, "retry", payload("b", retry_count=1))
    jobs = [*await read_page(redis, "schedule"), *await read_page(redis, "retry")]

    assert await kill(redis, jobs, now=NOW, write_time=time_writer(sidekiq)) == 2

    dead = {member for member, _ in await members(redis, "dead")}
    assert dead == {
        payload("a", failed_at=written),
        payload("b", retry_count=1, failed_at=written, retried_at=written),
    }
    assert {type(json.loads(one)["failed_at"]) for one in dead} == {type(written)}


async def test_the_dead_cannot_be_killed(redis: Redis) -> None:
    await lie_in(redis, "dead", payload("a"))

    assert await kill(redis, await read_page(redis, "dead"), now=NOW) == 0
    with pytest.raises(ValueError, match="dead already"):
        await move(redis, "dead", [Move(payload("a"), FUTURE, None, payload("a"))])

    assert await members(redis, "dead") == [(payload("a"), FUTURE)]


async def test_a_deleted_job_is_gone_with_its_lock_wherever_it_was(
    redis: Redis,
) -> None:
    jobs = [payload(str(n), unique_token=TOKEN + str(n)) for n in range(4)]
    for n, place in enumerate(("schedule", "retry", "dead")):
        await lie_in(redis, place, jobs[n])
    await wait_in(redis, "mail", jobs[3], b"stays")
    for n in range(4):
        await redis.raw("SET", f"kiq:unique:{TOKEN}{n}", n)
    found = [
        *await read_page(redis, "schedule"),
        *await read_page(redis, "retry"),
        *await read_page(redis, "dead"),
        Placed("queue:mail", jobs[3]),
    ]

    assert await delete(redis, found) == 4

    assert await redis.raw("DBSIZE") == 2
    assert await waiting(redis, "mail") == [b"stays"]


async def test_a_job_that_has_gone_on_is_left_alone(redis: Redis) -> None:
    await lie_in(redis, "retry", payload("a"), payload("b"))
    jobs = await read_page(redis, "retry")
    await redis.raw("ZADD", "retry", FUTURE + 5, payload("a"))
    await redis.raw("ZREM", "retry", payload("b"))

    assert await run_again(redis, jobs, now=NOW) == 0
    assert await kill(redis, jobs, now=NOW) == 0
    assert await delete(redis, jobs) == 0
    assert await delete(redis, [Placed("queue:mail", payload("a"))]) == 0

    assert await members(redis, "retry") == [(payload("a"), FUTURE + 5)]
    assert await waiting(redis, "mail") == []


async def test_a_job_that_is_named_twice_is_moved_once(redis: Redis) -> None:
    await lie_in(redis, "retry", payload("a"))
    jobs = await read_page(redis, "retry")

    assert await run_again(redis, [*jobs, *jobs], now=NOW) == 1

    assert len(await waiting(redis, "mail")) == 1


async def test_everything_is_tended_page_by_page(redis: Redis) -> None:
    await lie_in(redis, "retry", b"nonsense", *(payload(str(n)) for n in range(450)))
    told: list[Progress] = []

    async def again(page: Sequence[Placed]) -> int:
        return await run_again(redis, page, now=NOW)

    done = await tend_all(redis, "retry", again, told.append, stays=cannot_run)

    assert done == 450
    steps = [(0, 0), (200, 199), (400, 399), (451, 450)]
    assert told == [(seen, done, 451) for seen, done in steps]
    assert await members(redis, "retry") == [(b"nonsense", FUTURE)]


async def test_what_comes_meanwhile_is_not_waited_for(redis: Redis) -> None:
    await lie_in(redis, "dead", *(payload(str(n)) for n in range(250)))

    async def replace(page: Sequence[Placed]) -> int:
        await lie_in(redis, "dead", *(one.payload + b" " for one in page), at=9.5e9)
        return await delete(redis, page)

    assert await tend_all(redis, "dead", replace) == 250

    assert await redis.raw("ZCARD", "dead") == 250


async def test_a_queue_is_emptied_from_its_front(redis: Redis) -> None:
    await wait_in(redis, "mail", *(payload(str(n)) for n in range(250)))

    async def deed(page: Sequence[Placed]) -> int:
        return await delete(redis, page)

    assert await tend_all(redis, "queue:mail", deed) == 250
    assert await tend_all(redis, "queue:mail", deed) == 0

    assert await redis.raw("EXISTS", "queue:mail") == 0


async def test_what_was_found_is_tended_in_pages(redis: Redis) -> None:
    await lie_in(redis, "dead", *(payload(str(n)) for n in range(250)))
    jobs = await read_page(redis, "dead", limit=250)
    await redis.raw("ZREM", "dead", jobs[0].payload)
    told: list[Progress] = []

    async def deed(page: Sequence[Placed]) -> int:
        return await delete(redis, page)

    assert await tend(jobs, deed, told.append) == 249

    assert told == [(0, 0, 250), (200, 199, 250), (250, 249, 250)]


async def test_a_queue_is_paused_until_it_is_resumed(redis: Redis) -> None:
    assert await pause(redis, "mail")
    assert not await pause(redis, "mail")
    assert await names_in(redis, "paused") == {"mail"}

    assert await resume(redis, "mail")
    assert not await resume(redis, "mail")
    assert await names_in(redis, "paused") == set()
