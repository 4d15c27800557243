"""One job is performed here and now, as the runner performs it."""

import threading
from datetime import date
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import (
    ArgumentError,
    Cancel,
    Discard,
    EncodeError,
    Job,
    JobTimeoutError,
    Snooze,
    UnknownWorkerError,
    Worker,
    worker,
)
from kiq_trio.testing import perform
from tests.testing.jobs import make_kiq, welcome

ran: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


@worker(queue="sums")
async def add(*numbers: int) -> int:
    ran.append(numbers)
    return sum(numbers)


@worker()
async def both(left: int, right: int) -> int:
    await app.enqueue(add.new(left, right))
    return left


@worker(timeout=1)
async def say(word: Any) -> Any:
    if isinstance(word, str):
        await trio.sleep(60)
    return word


app = make_kiq(workers=[add, both, say], queues={"sums": 1, "default": 1})


class TestPerform:
    """A worker alone, without a Kiq."""

    async def test_it_returns_what_the_worker_returns(self) -> None:
        assert await perform(add, 1, 2, 3) == 6
        await perform(welcome, 42, locale="fr")

    async def test_arguments_pass_through_json(self) -> None:
        assert await perform(say, {"pair": (1, 2)}) == {"pair": [1, 2]}
        with pytest.raises(EncodeError, match=r"args\[0\]"):
            await perform(say, object())

    async def test_a_worker_gets_what_its_hints_say(self) -> None:
        @worker()
        async def weekday(day: date) -> str:
            return f"{day:%A}"

        class Weekday(Worker):
            async def perform(self, day: date) -> str:
                return f"{day:%a}"

        assert await perform(weekday, date(2027, 1, 15)) == "Friday"
        assert await perform(Weekday, date(2027, 1, 15)) == "Fri"
        async with make_kiq(workers=[weekday]).sandboxed() as sandbox:
            with pytest.raises(ArgumentError):
                await sandbox.perform({"class": "weekday", "args": ["no date"]})

    async def test_what_the_worker_raises_comes_out_as_itself(self) -> None:
        @worker()
        async def broken() -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match=r"^no$"):
            await perform(broken)

    async def test_its_timeout_counts(self, autojump_clock: MockClock) -> None:
        with pytest.raises(JobTimeoutError):
            await perform(say, "slowly")

    async def test_a_plain_function_gets_a_thread(self) -> None:
        @worker()
        def where() -> str:
            return threading.current_thread().name

        assert await perform(where) != threading.current_thread().name

    @pytest.mark.parametrize("verdict", [Snooze(60), Discard("no"), Cancel("late")])
    @pytest.mark.parametrize("raised", [True, False])
    async def test_a_verdict_is_raised(self, verdict: Any, raised: bool) -> None:
        @worker()
        async def judge() -> Any:
            if raised:
                raise verdict
            return verdict

        with pytest.raises(type(verdict)) as said:
            await perform(judge)

        assert str(said.value) == str(verdict)

    async def test_a_job_is_performed_by_the_workers_of_the_kiq(self) -> None:
        async with app.sandboxed() as sandbox:
            assert await sandbox.perform(add.new(1, 2)) == 3
            assert await sandbox.perform({"class": "add", "args": [3]}) == 3
            with pytest.raises(UnknownWorkerError):
                await sandbox.perform(Job(job_class="Unheard"))
            sandbox.refute_enqueued()

    async def test_the_middleware_of_the_kiq_is_passed(self) -> None:
        async def guard(job: Job, proceed: Any) -> Any:
            ran.append(f"guarded {job.job_class}")
            return await proceed(job) if job.args else None

        kiq = make_kiq(workers=[add], server_middleware=[guard])

        async with kiq.sandboxed() as sandbox:
            assert await sandbox.perform(add.new(1)) == 1
            assert await sandbox.perform(add.new()) is None
            await kiq.enqueue(add.set(queue="mail").new(2))
            await sandbox.drain()

        assert ran == ["guarded add", (1,), "guarded add", "guarded add", (2,)]

    async def test_cancelled_it_is_cancelled(self, autojump_clock: MockClock) -> None:
        @worker()
        async def endless() -> None:
            await trio.sleep_forever()

        with trio.move_on_after(5) as scope:
            await perform(endless)

        assert scope.cancelled_caught


class TestInline:
    """Each job is performed while it is enqueued."""

    async def test_it_has_run_when_enqueue_returns(self) -> None:
        async with app.sandboxed() as sandbox:
            async with sandbox.inline():
                await app.enqueue(both.new(1, 2))
                assert ran == [(1, 2)]
                await app.enqueue_many([add.new(3), add.new(4)])
                assert ran[1:] == [(3,), (4,)]
            await app.enqueue(add.new(5))

        assert len(ran) == 3
        sandbox.assert_enqueued(add, count=4)

    async def test_what_it_raises_comes_out_of_enqueue(
        self, autojump_clock: MockClock
    ) -> None:
        async with app.sandboxed() as sandbox, sandbox.inline():
            with pytest.raises(JobTimeoutError):
                await app.enqueue(say.new("slowly"))

    async def test_nowait_is_performed_when_somebody_can_wait(self) -> None:
        async with app.sandboxed() as sandbox:
            async with sandbox.inline():
                app.enqueue_nowait(add.new(1))
                assert ran == []
                await app.flush()
                assert ran == [(1,)]
                app.enqueue_nowait(add.new(2))
            assert ran == [(1,), (2,)]

    async def test_what_is_scheduled_does_not_wait(self) -> None:
        async with app.sandboxed() as sandbox, sandbox.inline():
            await app.enqueue(add.new(1), in_=3600)
            sandbox.assert_enqueued(add, in_=3600)

        assert ran == [(1,)]

    async def test_a_job_for_another_program_is_recorded_only(self) -> None:
        async with app.sandboxed() as sandbox, sandbox.inline():
            await app.enqueue({"class": "Ruby::Job", "queue": "ruby"})
            sandbox.assert_enqueued("Ruby::Job")
            with pytest.raises(UnknownWorkerError):
                await app.enqueue({"class": "Misspelt"})

    async def test_test_mode_inline_does_so_for_the_whole_block(self) -> None:
        kiq = make_kiq(workers=[add], test_mode="inline")

        async with kiq:
            await kiq.enqueue(add.new(1))
            await kiq.wait_idle()
            kiq.enqueue_nowait(add.new(2))

        assert ran == [(1,), (2,)]
