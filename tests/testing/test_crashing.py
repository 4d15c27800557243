"""A job that is run with a crash at each of its checkpoints, and again."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError, Kiq, Snooze, worker
from kiq_trio.current import current_job
from kiq_trio.testing import assert_idempotent


@attrs.define
class Bank:
    """Where money is moved, by calls that take their time."""

    charges: list[tuple[str, int]] = attrs.field(factory=list)
    seen: set[str] = attrs.field(factory=set)

    async def charge(self, key: str, amount: int) -> None:
        await trio.sleep(1)
        if key not in self.seen:
            self.seen.add(key)
            self.charges.append((key, amount))
        await trio.sleep(1)


bank = Bank()


@pytest.fixture
def new_bank(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Iterator[Any]]:
    def world() -> Iterator[Callable[[], Any]]:
        fake = Bank()
        monkeypatch.setattr(f"{__name__}.bank", fake)
        yield lambda: [amount for _, amount in fake.charges]

    return world


@worker()
async def careful(amount: int) -> None:
    await bank.charge(current_job().jid, amount)


@worker()
async def careless(amount: int) -> None:
    await bank.charge(f"{amount} at {trio.current_time()}", amount)


@worker()
async def forgetful(amount: int) -> None:
    if not bank.seen:
        bank.seen.add("begun")
        await trio.sleep(1)
        bank.charges.append(("", amount))


async def test_a_job_that_keeps_to_its_jid_is_idempotent(
    autojump_clock: MockClock, new_bank: Any
) -> None:
    assert await assert_idempotent(careful, [5], world=new_bank) == 3


async def test_a_job_that_does_it_twice_is_told_where_it_crashed(
    autojump_clock: MockClock, new_bank: Any
) -> None:
    with pytest.raises(AssertionError, match="careless is not idempotent") as caught:
        await assert_idempotent(careless, [5], world=new_bank)

    assert "test_crashing.py" in str(caught.value)
    assert "in charge: await trio.sleep(1)" in str(caught.value)
    assert "one clean run: [5]\n  with the crash: [5, 5]" in str(caught.value)


async def test_a_job_that_leaves_something_undone_is_caught(
    autojump_clock: MockClock, new_bank: Any
) -> None:
    with pytest.raises(AssertionError, match=r"with the crash: \[\]"):
        await assert_idempotent(forgetful, [5], world=new_bank)


@worker()
def plain(amount: int) -> None:
    bank.charges.append(("", amount))


@worker()
async def never_waits(amount: int) -> None:
    bank.charges.append(("", amount))


@pytest.mark.parametrize("each", [plain, never_waits], ids=["plain", "async"])
async def test_the_crash_between_the_end_and_its_acknowledgement_is_tried(
    each: Any, new_bank: Any
) -> None:
    with pytest.raises(AssertionError, match="a crash at its end"):
        await assert_idempotent(each, [5], world=new_bank)


@worker()
async def family(amount: int) -> None:
    async def add(number: int) -> None:
        await trio.lowlevel.checkpoint()
        bank.charges.append(("", number))

    async with trio.open_nursery() as nursery:
        for number in range(amount):
            nursery.start_soon(add, number)
    bank.charges = sorted(set(bank.charges))


async def test_crashes_strike_between_the_tasks_of_a_job_too() -> None:
    worlds = []

    def world() -> Iterator[Callable[[], Any]]:
        worlds.append(bank)
        bank.charges.clear()
        yield lambda: list(bank.charges)

    crashes = await assert_idempotent(family, [3], world=world)

    assert crashes >= 4
    assert len(worlds) >= crashes + 2


async def test_tasks_that_are_not_of_the_job_are_not_counted(new_bank: Any) -> None:
    async def tick() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    @worker()
    async def one_step(amount: int) -> None:
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        assert await assert_idempotent(one_step, [5], world=new_bank) == 2
        nursery.cancel_scope.cancel()


@worker()
async def stubborn(amount: int) -> None:
    try:
        await trio.sleep(1)
    except trio.Cancelled:
        bank.charges.append(("", -amount))
    bank.charges.append(("", amount))


async def test_a_job_that_swallows_its_cancellation_is_caught(
    autojump_clock: MockClock, new_bank: Any
) -> None:
    with pytest.raises(AssertionError, match=r"\[-5, 5, 5\]"):
        await assert_idempotent(stubborn, [5], world=new_bank)


async def test_what_a_run_after_a_crash_raises_says_which_crash(
    autojump_clock: MockClock, new_bank: Any
) -> None:
    @worker()
    async def lock(amount: int) -> None:
        if bank.seen:
            raise RuntimeError("locked")
        bank.seen.add("locked")
        await trio.sleep(1)
        bank.seen.clear()

    with pytest.raises(RuntimeError, match="locked") as caught:
        await assert_idempotent(lock, [5], world=new_bank)

    [note] = caught.value.__notes__
    assert "in the run after a crash at" in note
    assert "await trio.sleep(1)" in note


async def test_a_verdict_comes_out(new_bank: Any) -> None:
    @worker()
    async def snoozes(amount: int) -> Snooze:
        return Snooze(60)

    with pytest.raises(Snooze):
        await assert_idempotent(snoozes, [5], world=new_bank)


@worker()
async def welcome(name: str) -> None:
    await kiq.enqueue(remind.new(name))


@worker(unique_for=60)
async def remind(name: str) -> None: ...


@worker()
async def nag(name: str) -> None:
    await kiq.enqueue(note.new(name))


@worker()
async def note(name: str) -> None: ...


kiq = Kiq(workers=[welcome, remind, nag, note])


async def sandboxes() -> AsyncIterator[Callable[[], Any]]:
    async with kiq.sandbox.scope() as sandbox:
        yield lambda: [job.args for job in sandbox.enqueued()]


async def test_jobs_that_a_job_enqueues_are_a_part_of_the_world(
    autojump_clock: MockClock,
) -> None:
    async with kiq.sandboxed():
        assert await assert_idempotent(welcome, ["Ann"], world=sandboxes) > 0

        with pytest.raises(AssertionError, match="nag is not idempotent"):
            await assert_idempotent(nag, ["Ann"], world=sandboxes)


async def test_a_description_may_be_async(new_bank: Any) -> None:
    async def world() -> AsyncIterator[Callable[[], Any]]:
        bank.charges.clear()

        async def describe() -> list[Any]:
            await trio.lowlevel.checkpoint()
            return list(bank.charges)

        yield describe

    with pytest.raises(AssertionError, match=r"\[\('', 5\), \('', 5\)\]"):
        await assert_idempotent(plain, [5], world=world)


async def test_a_job_with_too_many_checkpoints_is_refused(new_bank: Any) -> None:
    @worker()
    async def long() -> None:
        for _ in range(30):
            await trio.lowlevel.checkpoint()

    with pytest.raises(RuntimeError, match="long passes more than 10 checkpoints"):
        await assert_idempotent(long, world=new_bank, limit=10)


async def test_a_world_without_a_yield_is_refused() -> None:
    with pytest.raises(ConfigError, match="world must be a function with one yield"):
        await assert_idempotent(plain, [5], world=lambda: None)  # type: ignore[arg-type,return-value]  # it is the mistake.
