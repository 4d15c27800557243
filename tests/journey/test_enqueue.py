"""Every way to enqueue a job, through the whole house."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import trio
from redis.exceptions import ResponseError
from trio.testing import MockClock

from kiq_trio import BufferFull, ConfigError, EncodeError, Job, Kiq, worker
from kiq_trio._wire.memory import MemoryServer
from kiq_trio._wire.seam import Server
from tests.conftest import EPOCH
from tests.journey.conftest import KiqMaker, Recorder, places

DAY = 86_400.0


@worker()
async def noop(*args: int) -> None: ...


@worker()
async def sleepy(seconds: float) -> None:
    await trio.sleep(seconds)


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Kiq]:
    """One that only enqueues, on a server of either kind."""
    with trio.fail_after(20):
        async with Kiq(redis_url=server, server=False) as client:
            yield client


async def jids(kiq: Kiq, key: str = "queue:default") -> list[str]:
    """Return the jids in *key*, the oldest or earliest first."""
    payloads = (await places(kiq)).get(key, [])
    if key.startswith("queue:"):
        payloads = payloads[::-1]
    return [Job.decode(payload).jid for payload in payloads]


async def test_jobs_that_nobody_waits_for_are_stored_in_order(client: Kiq) -> None:
    jobs = [client.enqueue_nowait(noop.new(n)) for n in range(50)]
    await client.flush()

    assert await jids(client) == [job.jid for job in jobs]


async def test_an_awaited_job_takes_those_with_it_that_came_before(
    client: Kiq,
) -> None:
    first = client.enqueue_nowait(noop.new(1))
    second = await client.enqueue(noop.new(2))

    assert await jids(client) == [first.jid, second.jid]


async def test_many_jobs_are_stored_in_order_with_a_name_each(client: Kiq) -> None:
    jobs = await client.enqueue_many(noop.new(n) for n in range(1_234))

    assert await jids(client) == [job.jid for job in jobs]
    assert len({job.jid for job in jobs}) == 1_234


async def test_no_job_at_all_may_be_enqueued(client: Kiq) -> None:
    assert await client.enqueue_many([]) == []


async def test_one_job_that_cannot_be_keeps_all_of_many_from_being_stored(
    client: Kiq,
) -> None:
    with pytest.raises(EncodeError):
        await client.enqueue_many([noop.new(1), {"class": "A", "args": [object()]}])
    with pytest.raises(ConfigError):
        await client.enqueue_many([noop.new(1)], in_=-1)

    assert await places(client) == {}


async def test_fifty_tasks_may_enqueue_at_once(client: Kiq) -> None:
    stored: list[str] = []

    async def enqueue(n: int) -> None:
        stored.append((await client.enqueue(noop.new(n))).jid)

    async with trio.open_nursery() as nursery:
        for n in range(50):
            nursery.start_soon(enqueue, n)

    assert sorted(await jids(client)) == sorted(stored)


async def test_a_cancelled_enqueue_harms_no_other(client: Kiq) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await client.enqueue(noop.new(1))
    job = await client.enqueue(noop.new(2))

    assert job.jid in await jids(client)


async def test_a_queue_that_cannot_be_is_refused_by_redis_and_by_us(
    client: Kiq,
) -> None:
    await client.redis.raw("SET", "queue:bad", "a string")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await client.enqueue(noop.set(queue="bad").new())
    with pytest.raises(ConfigError, match="queue must be"):
        await client.enqueue({"class": "A", "queue": "no such name"})

    job = await client.enqueue(noop.new())
    await client.redis.raw("DEL", "queue:bad")
    assert await jids(client) == [job.jid]


async def test_jobs_for_later_wait_in_the_schedule_by_their_time(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False) as client:
        tomorrow = datetime.fromtimestamp(EPOCH, UTC) + timedelta(days=1)
        late = await client.enqueue(noop.new(), in_=timedelta(days=2))
        early = await client.enqueue(noop.new(), at=tomorrow)
        soon = client.enqueue_nowait(noop.new(), in_=5)
        past = await client.enqueue(noop.new(), at=EPOCH - 5)
        await client.flush()

        scheduled = [soon.jid, early.jid, late.jid]
        assert await jids(client, "schedule") == scheduled
        assert await jids(client) == [past.jid]
        scores = await client.redis.raw("ZRANGE", "schedule", 0, -1, "WITHSCORES")
        assert [score for _, score in scores] == pytest.approx(
            [EPOCH + 5, EPOCH + DAY, EPOCH + 2 * DAY]
        )
        assert early.at == EPOCH + DAY


async def test_many_may_be_for_later_and_run_then(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[noop]) as kiq:
        began = trio.current_time()
        await kiq.enqueue_many((noop.new(n) for n in range(300)), in_=DAY)
        await recorder.heard("Succeeded", times=300)

    assert trio.current_time() - began == pytest.approx(DAY, abs=1)


async def test_a_full_buffer_is_told_to_those_who_cannot_wait(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False, buffer_limit=2, flush_interval=60) as client:
        client.enqueue_nowait(noop.new(1))
        client.enqueue_nowait(noop.new(2))

        with pytest.raises(BufferFull):
            client.enqueue_nowait(noop.new(3))

        await client.enqueue(noop.new(4))
        assert len(await jids(client)) == 3


async def test_leaving_stores_what_is_still_in_memory(
    autojump_clock: MockClock, make_kiq: KiqMaker, memory: MemoryServer
) -> None:
    async with make_kiq(server=False, flush_interval=3600) as client:
        job = client.enqueue_nowait(noop.new(1))

    async with make_kiq(server=False) as later:
        assert await jids(later) == [job.jid]


async def test_idle_means_that_nothing_waits_and_nothing_runs(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[sleepy], queues={"default": 2}) as kiq:
        await kiq.wait_idle()
        began = trio.current_time()
        for _ in range(5):
            kiq.enqueue_nowait(sleepy.new(10))
        await kiq.enqueue(sleepy.new(10), in_=3600)

        await kiq.wait_idle()

        assert trio.current_time() - began == pytest.approx(30, abs=1)
        assert len(await jids(kiq, "schedule")) == 1


async def test_a_client_is_idle_when_others_have_taken_its_jobs(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False) as client:
        await client.enqueue(noop.new())
        with trio.move_on_after(60) as scope:
            await client.wait_idle()
        assert scope.cancelled_caught

        async with make_kiq(workers=[noop]):
            await client.wait_idle()


async def test_idle_comes_on_every_kind_of_server(server: Server) -> None:
    with trio.fail_after(20):
        async with Kiq(redis_url=server, workers=[noop]) as kiq:
            await kiq.enqueue_many(noop.new(n) for n in range(500))
            kiq.enqueue_nowait(noop.new(500))
            await kiq.wait_idle()

            assert await places(kiq) == {}
            assert kiq.stats.succeeded["noop"] <= 501
