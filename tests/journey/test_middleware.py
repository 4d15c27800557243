"""Middleware stands around enqueueing and around performing, for one Kiq."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import (
    ClientNext,
    ConfigError,
    EncodeError,
    Failed,
    Interrupted,
    Job,
    JobTimeoutError,
    Kiq,
    NotRunningError,
    ServerNext,
    Succeeded,
    worker,
)
from kiq_trio.events import Ended
from tests.journey.conftest import KiqMaker, Recorder, places

calls: list[Any] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    calls.clear()


@worker()
async def note(number: int) -> str:
    calls.append(number)
    return f"noted {number}"


@worker(timeout=5)
async def sleepy() -> None:
    await trio.sleep(10)


@worker()
async def fail() -> None:
    raise KeyError("no")


@worker()
def in_a_thread(number: int) -> None:
    calls.append(number)


async def tag(job: Job, call_next: ClientNext) -> Job:
    return await call_next(job.set(tags=["blue"]))


async def refuse_odd(job: Job, call_next: ClientNext) -> Job:
    if job.args[0] % 2:
        raise ValueError(f"odd: {job.args[0]}")
    return await call_next(job)


async def waiting(job: Job, call_next: ClientNext) -> Job:
    await trio.sleep(1)
    return await call_next(job)


async def stored(kiq: Kiq) -> list[Job]:
    """Return what is in the queue, oldest first."""
    found = (await places(kiq)).get("queue:default", [])
    return [Job.decode(payload) for payload in reversed(found)]


async def test_what_a_client_middleware_changes_is_stored(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False, client_middleware=[tag]) as kiq:
        made = await kiq.enqueue(note.new(1))
        [many] = await kiq.enqueue_many([note.new(2)])
        later = kiq.enqueue_nowait(note.new(3))
        await kiq.flush()

        assert [job.tags for job in (made, many, later)] == [["blue"]] * 3
        assert [job.tags for job in await stored(kiq)] == [["blue"]] * 3


async def test_it_sees_the_job_as_it_would_be_stored_and_as_it_was(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    seen: list[Job] = []

    async def look(job: Job, call_next: ClientNext) -> Job:
        seen.append(job)
        seen.append(await call_next(job))
        return seen[-1]

    async with make_kiq(server=False, client_middleware=[look]) as kiq:
        made = await kiq.enqueue({"class": "A", "args": [1]}, in_=60)

    before, after = seen
    assert before.jid == after.jid == made.jid
    assert before.at == after.at == made.at
    assert after is made
    assert before.created_at is not None


async def test_one_that_raises_refuses_the_job(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False, client_middleware=[refuse_odd]) as kiq:
        with pytest.raises(ValueError, match="odd: 1"):
            await kiq.enqueue(note.new(1))
        with pytest.raises(ValueError, match="odd: 1"):
            kiq.enqueue_nowait(note.new(1))
        with pytest.raises(ValueError, match="odd: 3"):
            await kiq.enqueue_many([note.new(n) for n in (3, 2, 4)])

        assert await stored(kiq) == []


async def test_one_may_return_a_job_that_is_not_stored(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async def keep(job: Job, call_next: ClientNext) -> Job:
        return job

    async with make_kiq(server=False, client_middleware=[keep]) as kiq:
        assert (await kiq.enqueue(note.new(1))).args == [1]
        assert kiq.enqueue_nowait(note.new(2)).args == [2]
        await kiq.flush()

        assert await stored(kiq) == []


async def test_one_that_forgets_to_return_the_job_is_named(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async def forgetful(job: Job, call_next: ClientNext) -> Any:
        await call_next(job)

    async with make_kiq(server=False, client_middleware=[tag, forgetful]) as kiq:
        with pytest.raises(ConfigError, match="forgetful must return a Job, got None"):
            await kiq.enqueue(note.new(1))
        with pytest.raises(ConfigError, match="forgetful must return a Job, got None"):
            kiq.enqueue_nowait(note.new(1))


async def test_what_it_passes_on_is_checked_as_well(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async def spoil(job: Job, call_next: ClientNext) -> Job:
        return await call_next(job.set(args=[object()]))

    async def move(job: Job, call_next: ClientNext) -> Job:
        return await call_next(job.set(queue="a b"))

    async with make_kiq(server=False, client_middleware=[spoil]) as kiq:
        with pytest.raises(EncodeError, match="note"):
            await kiq.enqueue(note.new(1))
    async with make_kiq(server=False, client_middleware=[move]) as kiq:
        with pytest.raises(ConfigError, match="queue must be"):
            await kiq.enqueue(note.new(1))


async def test_nothing_can_be_waited_for_without_waiting(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async def stubborn(job: Job, call_next: ClientNext) -> Job:
        try:
            await trio.sleep(1)
        finally:
            await trio.sleep(1)
        return await call_next(job)

    for times, middleware in enumerate((waiting, stubborn), 1):
        async with make_kiq(server=False, client_middleware=[tag, middleware]) as kiq:
            with pytest.raises(ConfigError, match=rf"{middleware.__name__} waits for"):
                kiq.enqueue_nowait(note.new(1))

            await kiq.enqueue(note.new(2))
            assert [job.args for job in await stored(kiq)] == [[2]] * times


async def test_many_keep_their_order_and_share_their_way(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False, client_middleware=[waiting, tag]) as kiq:
        made = await kiq.enqueue_many([note.new(n) for n in range(50)])

        assert [job.args for job in made] == [[n] for n in range(50)]
        assert [job.args for job in await stored(kiq)] == [[n] for n in range(50)]


async def test_many_may_pass_one_at_a_time(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    lock = trio.Lock()

    async def alone(job: Job, call_next: ClientNext) -> Job:
        async with lock:
            return await call_next(job)

    async with make_kiq(server=False, client_middleware=[alone]) as kiq:
        made = await kiq.enqueue_many([note.new(n) for n in range(3)])

        assert [job.args for job in made] == [[0], [1], [2]]


async def test_of_many_none_is_stored_if_one_is_no_json(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False, client_middleware=[tag]) as kiq:
        jobs = [note.new(1), Job(job_class="A", args=[object()])]
        with pytest.raises(EncodeError):
            await kiq.enqueue_many(jobs)

        assert await stored(kiq) == []


async def test_it_sees_that_a_job_was_a_duplicate(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    seen: list[str | None] = []

    async def look(job: Job, call_next: ClientNext) -> Job:
        made = await call_next(job)
        seen.append(made.duplicate_of)
        return made

    async with make_kiq(server=False, client_middleware=[look]) as kiq:
        job = {"class": "A", "args": [1], "unique_for": timedelta(hours=1)}
        first = await kiq.enqueue(job)
        [second] = await kiq.enqueue_many([job])

    assert first.duplicate_of is None
    assert seen == [None, first.jid]
    assert second.duplicate_of == first.jid


async def test_what_it_changes_is_what_makes_a_job_unique(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async def lower(job: Job, call_next: ClientNext) -> Job:
        return await call_next(job.set(args=[arg.lower() for arg in job.args]))

    async with make_kiq(server=False, client_middleware=[lower]) as kiq:
        first = await kiq.enqueue({"class": "A", "args": ["X"], "unique_for": 60})
        second = await kiq.enqueue({"class": "A", "args": ["x"], "unique_for": 60})

    assert second.duplicate_of == first.jid


async def test_it_is_not_called_when_nothing_runs(make_kiq: KiqMaker) -> None:
    kiq = make_kiq(client_middleware=[tag])

    with pytest.raises(NotRunningError):
        await kiq.enqueue(note.new(1))


async def test_two_kiqs_have_each_their_own(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False, client_middleware=[tag]) as one:
        async with make_kiq(server=False) as other:
            await one.enqueue(note.new(1))
            await other.enqueue(note.new(2))

        assert [list(job.tags) for job in await stored(one)] == [["blue"], []]


async def test_a_server_middleware_is_around_the_worker(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async def outer(job: Job, call_next: ServerNext) -> Any:
        calls.append("outer")
        try:
            return await call_next(job)
        finally:
            calls.append("left")

    async def inner(job: Job, call_next: ServerNext) -> Any:
        returned = await call_next(job.set(args=[job.args[0] * 10]))
        calls.append(returned)
        return returned

    options = {"workers": [note, in_a_thread], "server_middleware": [outer, inner]}
    async with make_kiq(**options) as kiq:
        await kiq.enqueue(note.new(1))
        await kiq.wait_idle()
        await kiq.enqueue(in_a_thread.new(2))
        await recorder.heard("Succeeded", 2)

    assert calls == ["outer", 10, "noted 10", "left", "outer", 20, None, "left"]


async def outcome_of(recorder: Recorder, name: str) -> Any:
    event = await recorder.heard(name)
    assert isinstance(event, Ended)
    return event.outcome


async def test_it_sees_what_the_worker_raises_and_may_swallow_it(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async def swallow(job: Job, call_next: ServerNext) -> Any:
        try:
            return await call_next(job)
        except KeyError as error:
            calls.append(error)

    async with make_kiq(workers=[fail], server_middleware=[swallow]) as kiq:
        await kiq.enqueue(fail.new())
        assert isinstance(await outcome_of(recorder, "Succeeded"), Succeeded)

    assert isinstance(calls[0], KeyError)


async def test_what_it_raises_is_a_failure_of_the_job_as_it_was_enqueued(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async def veto(job: Job, call_next: ServerNext) -> Any:
        raise PermissionError("not today")

    async with make_kiq(workers=[note], server_middleware=[veto]) as kiq:
        await kiq.enqueue(note.new(1))
        outcome = await outcome_of(recorder, "Failed")
        await kiq.wait_idle()
        [payload] = (await places(kiq))["retry"]

    assert isinstance(outcome, Failed)
    assert str(outcome.error) == "not today"
    assert Job.decode(payload).args == [1]
    assert calls == []


async def test_a_time_limit_is_inside_of_it(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async def patient(job: Job, call_next: ServerNext) -> Any:
        await trio.sleep(100)
        try:
            return await call_next(job)
        except JobTimeoutError as error:
            calls.append(error.seconds)
            raise

    async with make_kiq(workers=[sleepy], server_middleware=[patient]) as kiq:
        await kiq.enqueue(sleepy.new())
        outcome = await outcome_of(recorder, "Failed")

    assert calls == [5]
    assert outcome.took == 105


async def test_a_shutdown_cancels_it_with_the_job(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    begun = trio.Event()

    async def slow(job: Job, call_next: ServerNext) -> Any:
        begun.set()
        await trio.sleep(1_000)
        return await call_next(job)

    async with make_kiq(
        workers=[note], server_middleware=[slow], shutdown_timeout=3
    ) as kiq:
        await kiq.enqueue(note.new(1))
        await begun.wait()

    assert isinstance(await outcome_of(recorder, "Interrupted"), Interrupted)
    assert calls == []


async def test_it_is_not_called_for_a_job_of_an_unknown_class(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async def count(job: Job, call_next: Callable[[Job], Any]) -> Any:
        calls.append(job)
        return await call_next(job)

    async with make_kiq(server_middleware=[count]) as kiq:
        await kiq.enqueue({"class": "Unknown"})
        await recorder.heard("Failed")

    assert calls == []
