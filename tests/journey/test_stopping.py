"""Leaving the block is the graceful stop: one deadline, and no job left behind."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio import Job, Kiq, NotRunningError, worker
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryServer
from tests.journey.conftest import KiqMaker, Recorder, places
from tests.unkind import UnkindServer


@worker()
async def sleepy(seconds: float) -> None:
    await trio.sleep(seconds)


@pytest.fixture
def later(make_kiq: KiqMaker) -> Kiq:
    """A client on the same server, to look at what another `Kiq` left there."""
    return make_kiq(server=False)


async def test_jobs_that_end_within_the_deadline_are_done(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, later: Kiq
) -> None:
    async with make_kiq(workers=[sleepy]) as kiq:
        await kiq.enqueue(sleepy.new(20))
        await recorder.heard("Started")
        asked = trio.current_time()

    assert trio.current_time() - asked == pytest.approx(20, abs=0.1)
    assert recorder.names == ["Started", "Succeeded"]
    async with later:
        assert await places(later) == {}


async def test_longer_jobs_go_back_to_the_front_of_their_queue_unchanged(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, later: Kiq
) -> None:
    options = {"workers": [sleepy], "queues": {"default": 2}}
    async with make_kiq(shutdown_timeout=10, **options) as kiq:
        jobs = await kiq.enqueue_many([sleepy.new(60 + n) for n in range(3)])
        await recorder.heard("Started", times=2)
        asked = trio.current_time()

    assert trio.current_time() - asked == pytest.approx(10, abs=0.1)
    assert recorder.names == ["Started", "Started", "Interrupted", "Interrupted"]
    async with later:
        found = await places(later)
    oldest_first = [Job.decode(payload) for payload in reversed(found["queue:default"])]
    assert [job.jid for job in oldest_first] == [job.jid for job in jobs]
    assert {job.retry_count for job in oldest_first} == {None}


async def test_no_job_is_started_once_the_stop_has_begun(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, later: Kiq
) -> None:
    async with make_kiq(workers=[sleepy], queues={"default": 1}) as kiq:
        await kiq.enqueue_many([sleepy.new(5) for _ in range(3)])
        await recorder.heard("Started")

    assert recorder.names == ["Started", "Succeeded"]
    async with later:
        assert len((await places(later))["queue:default"]) == 2


async def test_nothing_of_ours_is_left_in_redis_but_markers_that_expire(
    autojump_clock: MockClock, make_kiq: KiqMaker, later: Kiq
) -> None:
    async with make_kiq(workers=[sleepy]) as kiq:
        await kiq.enqueue(sleepy.new(1))
        await kiq.wait_idle()

    async with later:
        keys = await later.redis.raw("KEYS", "kiq:*")
        markers = [key for key in keys if await later.redis.raw("TTL", key) > 0]
        assert set(keys) - set(markers) <= {b"kiq:registrations", b"kiq:term"}
        assert await later.redis.raw("SCARD", "processes") == 0


async def test_an_exception_of_the_block_comes_out_as_itself_and_at_once(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, later: Kiq
) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with make_kiq(workers=[sleepy]) as kiq:
            await kiq.enqueue(sleepy.new(1000))
            await recorder.heard("Started")
            asked = trio.current_time()
            raise ValueError("mine")

    assert trio.current_time() - asked < 0.1
    async with later:
        assert list(await places(later)) == ["queue:default"]


async def test_cancelled_from_outside_it_still_puts_its_jobs_back(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, later: Kiq
) -> None:
    with trio.move_on_after(30) as scope:
        async with make_kiq(workers=[sleepy]) as kiq:
            await kiq.enqueue(sleepy.new(1000))
            await trio.sleep_forever()

    assert scope.cancelled_caught
    assert trio.current_time() < 31
    assert recorder.names == ["Started", "Interrupted"]
    async with later:
        assert list(await places(later)) == ["queue:default"]


async def test_run_starts_in_a_nursery_and_ends_when_asked_to(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with trio.open_nursery() as nursery:
        kiq = await nursery.start(make_kiq(workers=[sleepy]).run)
        await kiq.enqueue(sleepy.new(5))
        await recorder.heard("Started")
        kiq.stop()

    assert recorder.names == ["Started", "Succeeded"]


async def test_what_comes_after_quiet_was_asked_for_is_not_taken(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    """However soon it comes: the producer may be about to fetch at that moment."""
    async with make_kiq(workers=[sleepy]) as kiq:
        for _ in range(50):
            kiq.configure(quiet=True)
            job = await kiq.enqueue(sleepy.new(0))
            await trio.sleep(3)
            assert job.jid not in recorder.started()

            kiq.configure(quiet=False)
            await kiq.wait_idle()
            assert recorder.started()[-1] == job.jid


async def test_a_quiet_process_finishes_what_it_has_and_takes_no_more(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[sleepy], queues={"default": 1}) as kiq:
        await kiq.enqueue(sleepy.new(5))
        await recorder.heard("Started")
        kiq.configure(quiet=True)
        await kiq.enqueue(sleepy.new(5))
        await trio.sleep(60)
        assert recorder.names == ["Started", "Succeeded"]

        kiq.configure(quiet=False)
        await recorder.heard("Succeeded", times=2)


async def test_a_job_that_does_not_hear_is_named_and_waited_for(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    later: Kiq,
    caplog: pytest.LogCaptureFixture,
) -> None:
    @worker()
    async def deaf() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)

    with caplog.at_level(logging.ERROR, logger="kiq_trio"):
        async with make_kiq(workers=[deaf], shutdown_timeout=10) as kiq:
            job = await kiq.enqueue(deaf.new())
            await recorder.heard("Started")

    assert job.jid in caplog.text
    assert recorder.names == ["Started", "Succeeded"]
    async with later:
        assert await places(later) == {}
        assert await later.redis.raw("HLEN", "kiq:processes") == 0


async def test_a_job_that_does_not_hear_is_named_when_we_are_cancelled_as_well(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    @worker()
    async def deaf() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)

    with caplog.at_level(logging.ERROR, logger="kiq_trio"), trio.CancelScope() as scope:
        async with make_kiq(workers=[deaf]) as kiq:
            job = await kiq.enqueue(deaf.new())
            await recorder.heard("Started")
            scope.cancel()

    assert job.jid in caplog.text


async def test_whoever_waits_outside_of_the_block_is_told_that_it_was_left(
    autojump_clock: MockClock, make_kiq: KiqMaker, clock: TrioClock
) -> None:
    told = []

    async def wait(call: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(NotRunningError, match="may or may not be stored"):
            await call()
        told.append(call)

    server = UnkindServer(clock)
    async with trio.open_nursery() as nursery:
        async with make_kiq(redis_url=server, server=False) as kiq:
            await kiq.redis.wait_up()
            server.go_away()
            nursery.start_soon(wait, partial(kiq.enqueue, {"class": "A"}))
            nursery.start_soon(wait, kiq.flush)
            await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()

        assert len(told) == 2


async def test_jobs_that_are_left_behind_are_counted_and_some_are_named(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    clock: TrioClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = UnkindServer(clock)
    with caplog.at_level(logging.ERROR, logger="kiq_trio"):
        async with make_kiq(redis_url=server, server=False) as kiq:
            await kiq.redis.wait_up()
            server.go_away()
            sent = kiq.enqueue_nowait({"class": "A"})
            await trio.sleep(60)
            waiting = [kiq.enqueue_nowait({"class": "A"}) for _ in range(300)]

    in_doubt, never = [record.getMessage() for record in caplog.records]
    assert f"not confirmed by Redis, which may have them: 1 ({sent.jid})" in in_doubt
    assert f"never sent to Redis: 300 ({waiting[0].jid}, " in never
    assert sum(job.jid in never for job in waiting) == 20


async def test_a_started_instance_cannot_be_started_again(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq() as kiq:
        with pytest.raises(RuntimeError, match="is started already"):
            async with kiq:
                pass


async def test_an_instance_can_be_used_again_after_it_was_stopped(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    kiq = make_kiq(workers=[sleepy])
    for times in (1, 2):
        async with kiq:
            await kiq.enqueue(sleepy.new(1))
            await recorder.heard("Succeeded", times=times)


async def test_outside_of_its_block_an_instance_says_so(make_kiq: KiqMaker) -> None:
    kiq = make_kiq()

    with pytest.raises(NotRunningError, match="use `async with`"):
        await kiq.enqueue({"class": "A"})


async def test_clear_deletes_every_job_and_only_jobs(
    autojump_clock: MockClock, make_kiq: KiqMaker, memory: MemoryServer
) -> None:
    async with make_kiq(server=False) as kiq:
        await kiq.enqueue({"class": "A", "queue": "other"})
        await kiq.enqueue({"class": "A"}, in_=60)
        await kiq.redis.raw("SET", "mine", "1")

        await kiq.clear()

        assert await places(kiq) == {}
        assert await kiq.redis.raw("GET", "mine") == b"1"


async def test_clear_asks_before_it_deletes_the_jobs_of_others(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(), make_kiq(server=False) as kiq:
        await kiq.enqueue({"class": "A", "queue": "other"})

        with pytest.raises(ValueError, match=r"clear\(confirm=True\)"):
            await kiq.clear()

        await kiq.clear(confirm=True)
        assert await places(kiq) == {}
