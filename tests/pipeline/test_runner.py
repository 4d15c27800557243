"""However a run ends, the runner says so, and outlives it."""

import threading
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio import worker
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.runner import Runner
from kiq_trio.current import current_job
from kiq_trio.errors import JobTimeoutError, NoJobError, UnknownWorkerError
from kiq_trio.events import (
    Aborted,
    Failed,
    Interrupted,
    Outcome,
    Snoozed,
    Succeeded,
)
from kiq_trio.job import Job
from kiq_trio.verdicts import Cancel, Discard, Snooze, Verdict
from kiq_trio.worker import AnyWorker


class Stage:
    """A runner for some workers, and how their runs ended."""

    def __init__(self, *workers: AnyWorker, threads: int = 5) -> None:
        self.lease = Lease()
        self.lease.grant("me")
        self.outcomes: list[Outcome] = []
        self.runner = Runner(
            workers={one.name: one for one in workers},
            lease=self.lease,
            threads=trio.CapacityLimiter(threads),
            clock=trio.current_time,
        )

    async def run(self, one: AnyWorker, *args: Any) -> Outcome:
        outcome = await self.runner.run(one.new(*args), trio.current_time())
        self.outcomes.append(outcome)
        return outcome


@worker()
async def sleepy() -> None:
    await trio.sleep(10)


@worker(exclusive=True)
async def alone() -> None:
    await trio.sleep(10)


async def test_a_run_that_returns_has_succeeded_in_so_much_time(
    autojump_clock: MockClock,
) -> None:
    assert await Stage(sleepy).run(sleepy) == Succeeded(10.0)


async def test_a_worker_that_is_not_ours_is_unknown_even_if_it_could_be_imported() -> (
    None
):
    outcome = await Stage(alone).run(sleepy)

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, UnknownWorkerError)
    assert str(outcome.error) == "no worker for 'sleepy' (registered: alone)"


async def test_arguments_that_do_not_fit_are_a_failure() -> None:
    stage = Stage(sleepy)
    job = sleepy.new()

    outcome = await stage.runner.run(type(job)(job_class="sleepy", args=[1, 2]), 0.0)

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, TypeError)


async def test_a_run_cancelled_from_outside_is_interrupted(
    autojump_clock: MockClock,
) -> None:
    stage = Stage(sleepy)
    with trio.move_on_after(4) as scope:
        await stage.run(sleepy)
        await trio.lowlevel.checkpoint()

    assert scope.cancelled_caught
    assert stage.outcomes == [Interrupted(4.0)]


async def test_a_run_whose_error_is_due_to_a_cancellation_is_interrupted_too(
    autojump_clock: MockClock,
) -> None:
    @worker()
    async def tidy() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled as cancelled:
            raise ValueError("was busy") from cancelled

    @worker()
    async def grouped() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tidy.function)
            nursery.start_soon(trio.sleep_forever)

    stage = Stage(tidy, grouped)
    for one in (tidy, grouped):
        with trio.move_on_after(1):
            await stage.run(one)

    assert stage.outcomes == [Interrupted(1.0), Interrupted(1.0)]


async def test_an_exclusive_run_ends_when_the_lease_is_in_doubt(
    autojump_clock: MockClock,
) -> None:
    stage = Stage(alone, sleepy)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run, alone)
        nursery.start_soon(stage.run, sleepy)
        await trio.sleep(3)
        stage.lease.suspend()

    assert stage.outcomes == [Interrupted(3.0), Succeeded(10.0)]


async def test_an_exclusive_run_that_turns_its_end_into_an_error_is_interrupted_too(
    autojump_clock: MockClock,
) -> None:
    @worker(exclusive=True, timeout=60)
    async def tidy() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled as cancelled:
            raise ValueError("was busy") from cancelled

    stage = Stage(tidy)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run, tidy)
        await trio.sleep(3)
        stage.lease.suspend()

    assert stage.outcomes == [Interrupted(3.0)]


async def test_an_exclusive_run_fails_of_its_own_error_and_of_its_timeout(
    autojump_clock: MockClock,
) -> None:
    @worker(exclusive=True, timeout=5)
    async def late() -> None:
        await trio.sleep(60)

    @worker(exclusive=True)
    async def wrong() -> None:
        raise ValueError("wrong")

    stage = Stage(late, wrong)
    of_time, of_error = await stage.run(late), await stage.run(wrong)

    assert isinstance(of_time, Failed)
    assert isinstance(of_time.error, JobTimeoutError)
    assert isinstance(of_error, Failed)
    assert str(of_error.error) == "wrong"


async def test_without_a_lease_no_exclusive_run_begins(
    autojump_clock: MockClock,
) -> None:
    stage = Stage(alone)
    stage.lease.suspend()

    assert await stage.run(alone) == Interrupted(0.0)


async def test_no_more_plain_functions_run_at_once_than_there_are_threads() -> None:
    gate, started = threading.Semaphore(0), []

    @worker()
    def plain(name: str) -> None:
        started.append(name)
        assert gate.acquire(timeout=10)

    stage = Stage(plain, threads=2)
    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(stage.run, plain, name)
        await wait_all_tasks_blocked(0.05)
        assert len(started) == 2
        gate.release(3)

    assert sorted(started) == ["a", "b", "c"]
    assert {type(outcome) for outcome in stage.outcomes} == {Succeeded}


@pytest.mark.parametrize("exclusive", [False, True])
async def test_a_plain_function_that_looks_is_stopped_by_its_timeout(
    exclusive: bool,
) -> None:
    @worker(timeout=0.02, exclusive=exclusive)
    def attentive() -> None:
        while True:
            trio.from_thread.check_cancelled()
            threading.Event().wait(0.005)

    outcome = await Stage(attentive).run(attentive)

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, JobTimeoutError)


async def test_a_plain_function_that_does_not_look_is_late_when_it_returns() -> None:
    ended = []

    @worker(timeout=0.02)
    def deaf() -> None:
        threading.Event().wait(0.1)
        ended.append(True)

    outcome = await Stage(deaf).run(deaf)

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, JobTimeoutError)
    assert ended == [True]


SAID = [
    (Snooze(60), Snoozed(60, 0.0)),
    (Discard("no such user"), Aborted("discarded", 0.0, "no such user")),
    (Cancel("unsubscribed"), Aborted("cancelled", 0.0, "unsubscribed")),
]


@pytest.mark.parametrize(("verdict", "outcome"), SAID)
async def test_a_verdict_may_be_returned_or_raised_from_wherever_the_job_is(
    autojump_clock: MockClock, verdict: Verdict, outcome: Outcome
) -> None:
    @worker()
    async def returns() -> Verdict:
        return verdict

    @worker(timeout=5)
    async def raises() -> None:
        raise verdict

    @worker()
    async def raises_in_nurseries() -> None:
        async with trio.open_nursery() as outer, trio.open_nursery() as inner:
            outer.start_soon(trio.sleep_forever)
            inner.start_soon(raises.function)

    @worker(exclusive=True)
    def returns_in_a_thread() -> Verdict:
        return verdict

    stage = Stage(returns, raises, raises_in_nurseries)
    for one in stage.runner.workers.values():
        await stage.run(one)

    assert stage.outcomes == [outcome] * 3
    threaded = await Stage(returns_in_a_thread).run(returns_in_a_thread)
    assert type(threaded) is type(outcome)


async def test_a_verdict_among_errors_is_a_failure() -> None:
    @worker()
    async def both() -> None:
        raise ExceptionGroup("both", [Snooze(60), ValueError("wrong")])

    assert isinstance(await Stage(both).run(both), Failed)


async def test_what_else_a_worker_returns_means_nothing() -> None:
    @worker()
    async def busy() -> int:
        return 5

    assert isinstance(await Stage(busy).run(busy), Succeeded)


async def test_a_verdict_after_the_timeout_comes_too_late(
    autojump_clock: MockClock,
) -> None:
    @worker(timeout=5)
    async def raises() -> None:
        try:
            await trio.sleep(60)
        except trio.Cancelled:
            raise Snooze(1) from None

    @worker(timeout=5)
    async def returns() -> Verdict | None:
        with trio.CancelScope(shield=True):
            await trio.sleep(60)
        return Snooze(1)

    @worker(timeout=5)
    async def raises_in_a_nursery() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(raises.function)

    stage = Stage(raises, returns, raises_in_a_nursery)
    for one in (raises, returns, raises_in_a_nursery):
        outcome = await stage.run(one)
        assert isinstance(outcome, Failed)
        assert isinstance(outcome.error, JobTimeoutError)


async def test_a_verdict_that_is_due_to_a_stop_is_an_interruption(
    autojump_clock: MockClock,
) -> None:
    async def tidy() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            raise Discard("was busy") from None

    stage = Stage(plain := worker()(tidy), timed := worker(name="b", timeout=9)(tidy))
    for one in (plain, timed):
        with trio.move_on_after(1):
            await stage.run(one)

    assert stage.outcomes == [Interrupted(1.0), Interrupted(1.0)]


async def test_all_that_is_part_of_a_job_knows_which_it_is() -> None:
    seen: list[Job] = []

    async def look() -> None:
        seen.append(current_job())

    @worker()
    async def spreading(n: int) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)

    @worker()
    def threaded(n: int) -> None:
        seen.append(current_job())

    stage = Stage(spreading, threaded)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run, spreading, 1)
        nursery.start_soon(stage.run, threaded, 2)

    assert sorted(job.args[0] for job in seen) == [1, 2]


def test_outside_of_a_job_there_is_no_current_one() -> None:
    with pytest.raises(NoJobError, match="outside of a job"):
        current_job()


async def test_ctrl_c_is_the_users_and_goes_through() -> None:
    @worker()
    async def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Stage(interrupted).run(interrupted)
