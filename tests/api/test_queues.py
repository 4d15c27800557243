"""`api.Queue`: what waits, and what is done to it."""

import pytest
import trio

from kiq_trio import ConfigError, Kiq, Redis, api, worker
from kiq_trio._wire.seam import Server
from tests.store.chores import payload, wait_in
from tests.store.deeds import join, names_in, put, take, waiting

TOKEN = "f" * 64


@worker(unique_for=60)
async def sync(_user: int) -> None: ...


async def test_a_queue_is_found_with_what_waits_in_it(redis: Redis) -> None:
    seconds, _ = await redis.raw("TIME")
    await wait_in(
        redis,
        "mail",
        payload("a", enqueued_at=(int(seconds) - 100) * 1000),
        b"nonsense",
    )
    await redis.raw("SADD", "paused", "low")

    low, mail = await api.Queue.all(redis)

    assert (low.name, mail.name) == ("low", "mail")
    assert (await low.size(), await mail.size()) == (0, 2)
    assert await mail.latency() == pytest.approx(100, abs=30)
    assert await low.latency() == 0.0
    assert await api.Queue(redis).size() == 0
    assert api.Queue(redis).name == "default"


async def test_a_queue_is_gone_through_from_its_front(redis: Redis) -> None:
    await wait_in(redis, "mail", *(payload(str(n)) for n in range(450)))
    queue = api.Queue(redis, "mail")

    jids = [job.jid async for job in queue]
    pages = [len(page) async for page in queue.pages()]

    assert jids == [str(n) for n in range(450)]
    assert sum(pages) == 450
    assert len(pages) == 3


async def test_an_iteration_may_be_left_and_cancelled(redis: Redis) -> None:
    await wait_in(redis, "mail", *(payload(str(n)) for n in range(300)))
    met = []

    async for job in api.Queue(redis, "mail"):
        met.append(job.jid)
        break
    with trio.CancelScope() as scope:
        async for job in api.Queue(redis, "mail"):
            met.append(job.jid)
            scope.cancel()

    assert met == ["0", "0"]
    assert scope.cancelled_caught


async def test_jobs_may_be_deleted_while_they_are_gone_through(redis: Redis) -> None:
    await wait_in(redis, "mail", *(payload(str(n)) for n in range(450)))
    queue = api.Queue(redis, "mail")

    async for job in queue:
        if int(job.jid) % 3:
            assert await job.delete()

    left = [job.jid async for job in queue]
    assert left == [str(n) for n in range(0, 450, 3)]


async def test_a_job_that_was_fetched_meanwhile_is_not_deleted(redis: Redis) -> None:
    await join(redis, "host:1:me")
    unique = payload("a", unique_token=TOKEN)
    await put(redis, "mail", unique)
    await redis.raw("SET", f"kiq:unique:{TOKEN}", "a")
    job = await api.Queue(redis, "mail").find_job("a")
    assert job is not None

    await take(redis, "mail")

    assert not await job.delete()
    assert await redis.raw("GET", f"kiq:unique:{TOKEN}") == b"a"


async def test_jobs_are_found_in_a_queue_by_jid_and_class(redis: Redis) -> None:
    wrapped = payload("c", "Sidekiq::ActiveJob::Wrapper", wrapped="Report")
    await wait_in(redis, "mail", payload("a"), payload("b", "Report"), wrapped)
    queue = api.Queue(redis, "mail")

    reports = await queue.find(klass="Report")
    found = await queue.find_job("b")

    assert [job.jid for job in reports] == ["b", "c"]
    assert found == reports[0]
    assert await queue.find_job("z") is None
    assert await queue.find(jid="z") == []


async def test_a_queue_is_paused_and_unpaused(redis: Redis) -> None:
    queue = api.Queue(redis, "mail")

    assert await queue.pause()
    assert not await queue.pause()
    assert await queue.is_paused()
    assert await queue.unpause()
    assert not await queue.unpause()
    assert not await queue.is_paused()


async def test_a_queue_that_is_cleared_is_forgotten_with_its_locks(
    server: Server,
) -> None:
    async with Kiq(redis_url=server, server=False, queues={"default": 1}) as kiq:
        for user in range(3):
            await kiq.enqueue(sync.new(user))

        assert await api.Queue(kiq.redis).clear() == 3

        assert await waiting(kiq.redis, "default") == []
        assert await names_in(kiq.redis, "queues") == set()
        assert (await kiq.enqueue(sync.new(1))).duplicate_of is None


async def test_a_queue_says_what_it_is() -> None:
    assert repr(api.Queue(None, "mail")) == "Queue(name='mail')"  # type: ignore[arg-type]  # it is not asked.


async def test_jobs_of_a_queue_are_deleted_by_their_name_or_class(
    redis: Redis,
) -> None:
    unique = payload("a", unique_token="f" * 64)
    wrapped = payload("d", "Sidekiq::ActiveJob::Wrapper", wrapped="Report")
    await wait_in(redis, "mail", unique, payload("b"), payload("c", "Report"), wrapped)
    await redis.raw("SET", f"kiq:unique:{'f' * 64}", "a")
    queue = api.Queue(redis, "mail")

    assert await queue.delete_job("a")
    assert not await queue.delete_job("a")
    assert await queue.delete_by_class("Report") == 2

    assert await waiting(redis, "mail") == [payload("b")]
    assert await redis.raw("EXISTS", f"kiq:unique:{'f' * 64}") == 0


async def test_a_page_of_a_queue_is_read_by_its_numbers(redis: Redis) -> None:
    await wait_in(redis, "mail", *(payload(str(n)) for n in range(5)))
    queue = api.Queue(redis, "mail")

    assert [one.jid for one in await queue.slice(1, 2)] == ["1", "2"]
    assert {one.place for one in await queue.slice(0, 9)} == {queue.place}
    assert queue.place == "queue:mail"
    with pytest.raises(ConfigError, match="limit must be a whole number"):
        await queue.slice(0, -1)


async def test_it_is_told_how_far_the_deleting_of_a_queue_is(redis: Redis) -> None:
    await wait_in(redis, "mail", *(payload(str(n)) for n in range(250)))
    told: list[api.Progress] = []

    assert await api.Queue(redis, "mail").delete_all(on_page=told.append) == 250

    assert told == [(0, 0, 250), (200, 200, 250), (250, 250, 250)]
