"""A drain performs what was enqueued as a server would, the same way each time."""

import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import (
    JobTimeoutError,
    Kiq,
    Queue,
    QueueFull,
    Reporter,
    Snooze,
    UnknownWorkerError,
    periodic,
    worker,
)
from kiq_trio.events import Ended, Failed
from kiq_trio.testing import EndlessDrainError, Sandbox
from tests.testing.jobs import make_kiq

DAY = 86_400.0

ran: list[Any] = []


@worker(queue="mail")
async def send(name: str) -> None:
    ran.append(name)


@worker()
async def invite(*names: str) -> None:
    for name in names:
        await app.enqueue(send.new(name))
    app.enqueue_nowait(send.new("admin"), in_=60)


@worker()
async def broken(number: int = 0) -> None:
    ran.append(number)
    raise ValueError(number)


@worker()
def plain(number: int) -> None:
    ran.append(number)


@worker(timeout=5)
async def slow() -> None:
    await trio.sleep(3600)


@worker()
async def again(number: int) -> None:
    await app.enqueue(again.new(number + 1))


@worker()
async def patient() -> None:
    ran.append("asked")
    if len(ran) < 3:
        raise Snooze(DAY)


app = make_kiq(workers=[send, invite, broken, plain, slow, again, patient])


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    ran.clear()
    async with app.sandboxed() as sandbox:
        yield sandbox


async def test_jobs_are_performed_with_those_that_they_enqueue(
    sandbox: Sandbox,
) -> None:
    await app.enqueue(invite.new("ada", "grace"))
    await app.enqueue(plain.new(7))

    drained = await sandbox.drain()

    assert ran == [7, "ada", "grace"]
    assert (drained.performed, drained.succeeded) == (4, 4)
    assert [run.job.job_class for run in drained.runs] == [
        *("invite", "plain", "send", "send")
    ]
    assert repr(drained) == "<Drained: 4 performed, 4 succeeded>"
    sandbox.assert_enqueued(send, count=3)


async def test_what_is_performed_is_performed_once(sandbox: Sandbox) -> None:
    await app.enqueue(plain.new(1))
    await sandbox.drain()

    drained = await sandbox.drain()

    assert drained.performed == 0
    assert ran == [1]


async def test_what_is_for_later_waits_unless_it_is_asked_for(
    sandbox: Sandbox,
) -> None:
    began = sandbox.now()
    await app.enqueue(plain.new(2), in_=DAY)
    await app.enqueue(plain.new(1), in_=60)

    assert (await sandbox.drain()).performed == 0
    assert (await sandbox.drain(with_scheduled=True)).performed == 2

    assert ran == [1, 2]
    assert sandbox.now() - began == pytest.approx(DAY, abs=5)


async def test_time_goes_on_where_a_drain_has_moved_it(sandbox: Sandbox) -> None:
    await app.enqueue(plain.new(1), in_=DAY)
    await sandbox.drain(with_scheduled=True)

    job = await app.enqueue(plain.new(2), in_=60)

    assert job.at == pytest.approx(sandbox.now() + 60, abs=5)
    sandbox.assert_enqueued(plain, in_=60, count=1)


async def test_an_error_comes_out_and_names_the_job(sandbox: Sandbox) -> None:
    await app.enqueue(broken.new(1))
    await app.enqueue(plain.new(2))
    await app.enqueue(broken.new(3))

    with pytest.raises(ValueError, match=r"^1") as failure:
        await sandbox.drain()

    first, second = failure.value.__notes__
    assert first.startswith("raised by broken(1), jid ")
    assert second == "broken(3) has failed as well: ValueError(3)"
    assert ran == [1, 2, 3]


async def test_errors_may_be_left_to_the_retries(sandbox: Sandbox) -> None:
    began, used = sandbox.now(), time.process_time()
    await app.enqueue(broken.new())

    drained = await sandbox.drain(with_scheduled=True, raise_errors=False)

    assert (drained.failed, drained.retried, drained.dead) == (26, 25, 1)
    assert 20 < (sandbox.now() - began) / DAY < 22
    assert time.process_time() - used < 1
    [run] = drained.runs[-1:]
    assert isinstance(run.outcome, Failed)
    assert run.job.retry_count == 24


async def test_a_timeout_is_one_here_as_well(
    autojump_clock: MockClock, sandbox: Sandbox
) -> None:
    await app.enqueue(slow.new())

    with pytest.raises(JobTimeoutError):
        await sandbox.drain()

    assert trio.current_time() < 60


async def test_a_snoozed_job_is_asked_again_when_it_is_time(sandbox: Sandbox) -> None:
    await app.enqueue(patient.new())

    drained = await sandbox.drain(with_scheduled=True)

    assert (drained.snoozed, drained.succeeded) == (2, 1)


async def test_a_class_that_no_worker_performs_is_an_error(sandbox: Sandbox) -> None:
    await app.enqueue({"class": "Unheard"})

    with pytest.raises(UnknownWorkerError):
        await sandbox.drain()


async def test_other_queues_are_for_others_unless_named(sandbox: Sandbox) -> None:
    await app.enqueue({"class": "Ruby::Job", "queue": "ruby"})
    await app.enqueue(plain.set(queue="batch").new(1))

    assert (await sandbox.drain()).performed == 0
    assert (await sandbox.drain("batch")).performed == 1
    sandbox.assert_enqueued("Ruby::Job")


async def test_jobs_that_enqueue_each_other_for_ever_are_stopped(
    sandbox: Sandbox,
) -> None:
    await app.enqueue(again.new(1))

    with pytest.raises(
        EndlessDrainError, match=r"more than 50 jobs .* again and again"
    ):
        await sandbox.drain(limit=50)


async def test_a_drain_performs_the_jobs_of_its_own_scope(sandbox: Sandbox) -> None:
    await app.enqueue(plain.new(1))

    async with sandbox.scope() as inner:
        await app.enqueue(invite.new("ada"))
        await inner.drain()

    assert ran == ["ada"]
    assert [job.job_class for job in inner.enqueued()] == ["invite", "send", "send"]
    sandbox.assert_enqueued(plain, count=1)
    sandbox.refute_enqueued(send)


async def test_an_equal_job_is_kept_out_until_the_first_has_run() -> None:
    ran.clear()

    @worker(unique_for=3600)
    async def once(number: int) -> None:
        ran.append(number)

    kiq = make_kiq(workers=[once])
    async with kiq.sandboxed() as sandbox:
        first = await kiq.enqueue(once.new(1))
        assert (await kiq.enqueue(once.new(1))).duplicate_of == first.jid
        kiq.enqueue_nowait(once.new(1))
        await kiq.flush()
        async with sandbox.scope():
            assert (await kiq.enqueue(once.new(1))).duplicate_of is None
        sandbox.assert_enqueued(once, count=1)
        await sandbox.drain()
        assert (await kiq.enqueue(once.new(1))).duplicate_of is None
        sandbox.assert_enqueued(once, count=2)

    assert ran == [1]


async def test_a_paused_queue_keeps_its_jobs() -> None:
    ran.clear()

    @worker()
    async def last(number: int) -> None:
        ran.append(number)
        await kiq.pause("default")

    kiq = make_kiq(workers=[last])
    async with kiq.sandboxed() as sandbox:
        await kiq.enqueue_many([last.new(1), last.new(2)])
        assert (await sandbox.drain()).performed == 1
        assert (await sandbox.drain()).performed == 0
        await kiq.resume("default")
        assert (await sandbox.drain()).performed == 1

    assert ran == [1, 2]


async def test_a_full_queue_is_full_until_it_is_drained() -> None:
    kiq = make_kiq(
        workers=[plain], queues={"default": Queue(max_size=2)}, on_full="raise"
    )
    async with kiq.sandboxed() as sandbox:
        await kiq.enqueue_many([plain.new(1), plain.new(2)])
        with pytest.raises(QueueFull):
            await kiq.enqueue(plain.new(3))
        await sandbox.drain()
        await kiq.enqueue(plain.new(4))

        sandbox.assert_enqueued(plain, count=3)
        sandbox.refute_enqueued(plain, args=[3])


async def test_what_has_expired_is_not_performed(sandbox: Sandbox) -> None:
    await app.enqueue(plain.set(queue="mail", expires_in=60).new(1))
    await app.enqueue(plain.new(2), in_=3600)
    await sandbox.drain("default", with_scheduled=True)

    drained = await sandbox.drain()

    assert (drained.aborted, ran) == (1, [2])


async def test_a_sandbox_is_drained_by_one_task_at_a_time(
    autojump_clock: MockClock, sandbox: Sandbox
) -> None:
    await app.enqueue(plain.new(1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sandbox.drain)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="being drained already"):
            await sandbox.drain()
    assert ran == [1]


async def test_reporters_and_statistics_are_told(sandbox: Sandbox) -> None:
    heard: list[str] = []

    class Listener(Reporter):
        async def handle_success(self, job: Any, outcome: Any) -> None:
            heard.append(job.job_class)

    kiq = Kiq(redis_url="redis://x", workers=[plain], extra_reporters=[Listener()])
    async with kiq.sandboxed() as other:
        await kiq.enqueue(plain.new(1))
        await other.drain()

    assert heard == ["plain"]
    assert kiq.stats.succeeded == {"plain": 1}


async def test_who_waits_for_idleness_is_told_to_drain(sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError, match="await drain"):
        await app.wait_idle()


async def test_nothing_comes_by_the_clock_in_a_sandbox() -> None:
    ran.clear()

    @periodic("0 0 * * *")
    @worker()
    async def nightly() -> None:
        ran.append("nightly")

    kiq = make_kiq(workers=[nightly, plain], periodics=[("0 * * * *", nightly)])
    async with kiq.sandboxed() as sandbox:
        await kiq.enqueue(plain.new(1), in_=10 * DAY)
        await kiq.enqueue(nightly.new(), in_=20 * DAY)
        await sandbox.drain(with_scheduled=True)

    assert ran == [1, "nightly"]


async def test_without_a_sandbox_a_daily_job_runs_for_a_year_in_no_time(
    autojump_clock: MockClock,
) -> None:
    ran.clear()
    used = time.process_time()

    @periodic("30 6 * * *")
    @worker()
    async def daily() -> None:
        ran.append(trio.current_time())

    async with make_kiq(redis_url="memory://", workers=[daily]):
        await trio.sleep(365 * DAY)

    assert len(ran) == 365
    assert all(
        later - sooner == pytest.approx(DAY, abs=60) for sooner, later in pairwise(ran)
    )
    # A tick a minute would take half a minute; a slow machine takes a second without.
    assert time.process_time() - used < 3


async def test_without_a_sandbox_a_job_lives_through_all_retries_in_no_time(
    autojump_clock: MockClock,
) -> None:
    ran.clear()
    used = time.process_time()
    buried = trio.Event()

    class Undertaker(Reporter):
        async def handle_events(self, events: Any) -> None:
            for event in events:
                if isinstance(event, Ended) and len(ran) == 26:
                    buried.set()

    async with make_kiq(
        redis_url="memory://", workers=[broken], extra_reporters=[Undertaker()]
    ) as kiq:
        await kiq.enqueue(broken.new())
        await buried.wait()
        assert await kiq.redis.raw("ZCARD", "dead") == 1

    assert 20 < trio.current_time() / DAY < 22
    assert time.process_time() - used < 1
