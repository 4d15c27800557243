"""What a program's tasks look like, and which of them are jobs."""

import threading

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Kiq, worker
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._services.stacks import (
    MOST_TASKS,
    Branch,
    Spot,
    describe_tasks,
    look_at_tasks,
)
from tests.journey.conftest import KiqMaker, Recorder, make_kiq, memory, recorder

__all__ = ["make_kiq", "memory", "recorder"]


@worker()
async def wait_deep() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_for_password, "hunter2", name="the child")
        await trio.sleep_forever()


async def wait_for_password(password: str) -> None:
    await trio.sleep_forever()


gate = threading.Event()


@worker()
def sit() -> None:
    gate.wait(30)


def ledger_of(kiq: Kiq) -> Ledger:
    plant = kiq._running().plant
    assert plant is not None
    return plant.ledger


def shown_in_thread(kiq: Kiq) -> tuple[Spot, ...]:
    """Return the stack of the one job, once it is in its worker."""
    [branch] = jobs(look_at_tasks(ledger_of(kiq)))
    is_there = any(spot.code == "gate.wait(30)" for spot in branch.stack)
    return branch.stack if is_there else ()


def jobs(branches: list[Branch]) -> list[Branch]:
    return [branch for branch in branches if branch.work is not None]


async def test_a_job_is_named_and_shown_from_its_worker_on(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[wait_deep], shutdown_timeout=0) as kiq:
        job = await kiq.enqueue(wait_deep.new())
        await recorder.heard("Started")
        await trio.sleep(2.5)
        branches = look_at_tasks(ledger_of(kiq))

    [branch] = jobs(branches)
    assert branch.work is not None
    assert branch.work.jid == job.jid
    assert branch.work.job_class == "wait_deep"
    assert branch.work.queue == "default"
    assert branch.work.running_for == pytest.approx(2.5, abs=0.1)
    assert branch.stack[0].function == "wait_deep"
    assert branch.stack[0].file == __file__
    assert branch.stack[0].code == "await trio.sleep_forever()"
    child = branches[branches.index(branch) + 1]
    assert (child.name, child.depth) == ("the child", branch.depth + 1)
    assert child.stack[0].function == "wait_for_password"


async def test_no_local_variable_is_shown(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[wait_deep], shutdown_timeout=0) as kiq:
        await kiq.enqueue(wait_deep.new())
        await recorder.heard("Started")
        text = describe_tasks(ledger_of(kiq))

    assert "wait_for_password" in text
    # The line that waits, not the one that named the password.
    assert "hunter2" not in text


async def test_a_plain_function_is_shown_in_its_thread(
    make_kiq: KiqMaker, recorder: Recorder
) -> None:
    gate.clear()
    async with make_kiq(workers=[sit]) as kiq:
        try:
            await kiq.enqueue(sit.new())
            await recorder.heard("Started")
            with trio.fail_after(20):
                while not (found := shown_in_thread(kiq)):  # noqa: ASYNC110 - a thread tells nobody.
                    await trio.sleep(0.01)
        finally:
            gate.set()

    assert found[0].function == "sit"
    assert found[0].code == "gate.wait(30)"


async def test_of_very_many_tasks_only_the_first_are_shown() -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(MOST_TASKS + 1):
            nursery.start_soon(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        branches = look_at_tasks()
        nursery.cancel_scope.cancel()

    assert len(branches) == MOST_TASKS
    assert branches[0].depth == 0
