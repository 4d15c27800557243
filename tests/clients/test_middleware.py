"""Client middleware is around whatever a client stores."""

import asyncio
from typing import Any

import pytest
import redis

from kiq_trio import ClientNext, ConfigError, Job, worker
from kiq_trio.clients import SyncClient
from tests.clients.callers import Caller, args_in, waiting
from tests.clients.conftest import Make


@worker(unique_for=60)
async def note(text: str) -> None: ...


async def tag(job: Job, call_next: ClientNext) -> Job:
    return await call_next(job.set(tags=["blue"]))


async def shout(job: Job, call_next: ClientNext) -> Job:
    stored = await call_next(job.set(args=[job.args[0].upper()]))
    return stored.set(seen=True)


async def keep_out(job: Job, call_next: ClientNext) -> Job:
    return job if job.args[0] == "no" else await call_next(job)


@pytest.fixture
def caller(make: Make) -> Caller:
    return make(client_middleware=[keep_out, tag, shout])


def test_a_job_and_what_comes_back_pass_through_the_middleware(
    caller: Caller, store: redis.Redis
) -> None:
    job = caller.enqueue(note.new("a"))

    [stored] = waiting(store)
    assert (stored["args"], stored["tags"], stored["jid"]) == (["A"], ["blue"], job.jid)
    assert job.rest["seen"] is True
    assert caller.enqueue(note.new("a")).duplicate_of == job.jid


def test_each_of_many_passes_through_it(caller: Caller, store: redis.Redis) -> None:
    jobs = caller.enqueue_many([note.new("a"), note.new("no"), note.new("b")])

    assert [job.args[0] for job in jobs] == ["A", "no", "B"]
    assert args_in(store) == ["A", "B"]


def test_a_job_for_later_passes_through_it(caller: Caller, store: redis.Redis) -> None:
    job = caller.enqueue(note.new("a"), in_=60)

    rows: Any = store.zrange("schedule", 0, -1, withscores=True)
    assert [score for _, score in rows] == [job.at]


def test_it_is_shown_no_job_that_could_not_be_stored(
    make: Make, store: redis.Redis
) -> None:
    seen = []

    async def look(job: Job, call_next: ClientNext) -> Job:
        seen.append(job)
        return await call_next(job)

    caller = make(client_middleware=[look])
    with pytest.raises(ConfigError, match="queue must be"):
        caller.enqueue_many([note.new("a"), note.new("b").set(queue="no such")])

    assert (seen, store.keys()) == ([], [])


async def wait(job: Job, call_next: ClientNext) -> Job:
    await asyncio.sleep(0)
    return await call_next(job)


@pytest.mark.parametrize("place", ["fake"], indirect=True)
@pytest.mark.parametrize("make", ["asyncio"], indirect=True)
def test_it_may_wait_on_asyncio(make: Make, store: redis.Redis) -> None:
    make(client_middleware=[wait]).enqueue(note.new("a"))

    assert args_in(store) == ["a"]


@pytest.mark.parametrize("place", ["fake"], indirect=True)
@pytest.mark.parametrize("make", ["sync"], indirect=True)
def test_it_cannot_wait_in_a_program_that_blocks(
    make: Make, store: redis.Redis
) -> None:
    with pytest.raises(ConfigError, match="wait waits for something, which neither"):
        make(client_middleware=[wait]).enqueue(note.new("a"))

    assert store.keys() == []


def test_what_is_no_middleware_is_named() -> None:
    with pytest.raises(ConfigError, match=r"client_middleware\[0\] must be an async"):
        SyncClient(client_middleware=[print])  # type: ignore[list-item]  # the mistake.
