"""Who is started when, and who is told what, without starting anybody."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from trio.testing import MockClock

from kiq_trio.cli.foreman import MOST_CRASHES, Foreman

CRASH = -signal.SIGSEGV
WAITS = (0.5, 1, 2, 4, 0)


@attrs.define(eq=False)
class Puppet:
    """A child that does what the test says."""

    pid: int
    is_ready: bool = False
    told: list[str] = attrs.field(factory=list)
    _ready: trio.Event = attrs.field(factory=trio.Event)
    _ended: trio.Event = attrs.field(factory=trio.Event)
    _code: int = 0

    async def wait_ready(self) -> None:
        await self._ready.wait()

    async def wait(self) -> int:
        await self._ended.wait()
        return self._code

    def send(self, number: signal.Signals) -> None:
        self.told.append(number.name)

    def stop(self, number: signal.Signals, *, at_once: bool = False) -> None:
        self.told.append(number.name + " at once" * at_once)

    async def get_ready(self) -> None:
        self.is_ready = True
        self._ready.set()
        await trio.testing.wait_all_tasks_blocked()

    async def end(self, code: int) -> None:
        self._code = code
        self._ended.set()
        await trio.testing.wait_all_tasks_blocked()


@attrs.define(eq=False)
class Company:
    """A foreman with puppets."""

    puppets: list[Puppet] = attrs.field(factory=list)

    @asynccontextmanager
    async def start(self) -> AsyncIterator[Puppet]:
        puppet = Puppet(len(self.puppets))
        self.puppets.append(puppet)
        yield puppet


@asynccontextmanager
async def at_work(
    count: int = 1, *, waits_for_change: bool = False
) -> AsyncIterator[tuple[Foreman, list[Puppet]]]:
    company = Company()
    foreman = Foreman(company.start, count, waits_for_change=waits_for_change)
    with trio.fail_after(1_000):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(foreman.run)
            await trio.testing.wait_all_tasks_blocked()
            yield foreman, company.puppets


async def test_it_ends_with_0_when_all_have_ended_with_0() -> None:
    async with at_work(3) as (foreman, puppets):
        assert len(puppets) == 3
        for puppet in puppets:
            await puppet.get_ready()
            await puppet.end(0)

    assert len(puppets) == 3
    assert foreman.exit_code == 0


async def test_one_that_crashes_is_started_anew_after_longer_and_longer(
    autojump_clock: MockClock,
) -> None:
    async with at_work() as (foreman, puppets):
        for number in range(MOST_CRASHES):
            await puppets[number].get_ready()
            await puppets[number].end(CRASH)
            await trio.sleep(WAITS[number])
            await trio.testing.wait_all_tasks_blocked()

    assert len(puppets) == MOST_CRASHES
    assert foreman.exit_code == 128 + signal.SIGSEGV


async def test_crashes_that_are_far_apart_are_no_reason_to_give_up(
    autojump_clock: MockClock,
) -> None:
    async with at_work() as (foreman, puppets):
        for number in range(2 * MOST_CRASHES):
            await puppets[number].get_ready()
            await trio.sleep(61)
            await puppets[number].end(1)
            await trio.sleep(WAITS[0])
            await trio.testing.wait_all_tasks_blocked()
        await puppets[-1].end(0)

    assert foreman.exit_code == 0


async def test_if_none_could_start_nobody_tries_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with at_work(2) as (foreman, puppets):
        await puppets[0].end(1)
        assert puppets[1].told == ["SIGTERM"]
        await puppets[1].end(1)

    assert len(puppets) == 2
    assert foreman.exit_code == 1
    assert "none could start: we give up" in caplog.text


async def test_giving_up_stops_the_others_gracefully(
    autojump_clock: MockClock,
) -> None:
    async with at_work(2) as (foreman, puppets):
        steady, shaky = puppets
        await steady.get_ready()
        for _ in range(MOST_CRASHES):
            await shaky.end(1)
            await trio.sleep(5)
            shaky = puppets[-1]
        assert steady.told == ["SIGTERM"]
        await steady.end(0)

    assert foreman.exit_code == 1


async def test_a_stop_is_passed_on_and_nobody_is_started_anew() -> None:
    async with at_work(2) as (foreman, puppets):
        for puppet in puppets:
            await puppet.get_ready()
        foreman.obey(signal.SIGTERM)
        await puppets[0].end(0)
        await puppets[1].end(CRASH)

    assert [puppet.told for puppet in puppets] == [["SIGTERM"], ["SIGTERM"]]
    assert foreman.exit_code == 128 + signal.SIGSEGV


async def test_only_a_second_interrupt_is_in_a_hurry() -> None:
    async with at_work() as (foreman, puppets):
        await puppets[0].get_ready()
        foreman.obey(signal.SIGINT)
        foreman.obey(signal.SIGTERM)
        foreman.obey(signal.SIGINT)
        await puppets[0].end(130)

    assert puppets[0].told == ["SIGINT", "SIGTERM", "SIGINT at once"]
    assert foreman.exit_code == 130


async def test_who_does_not_obey_signals_yet_is_only_ever_sent_term() -> None:
    async with at_work() as (foreman, puppets):
        foreman.obey(signal.SIGTTIN)
        foreman.obey(signal.SIGINT)
        await puppets[0].end(-signal.SIGTERM)

    assert puppets[0].told == ["SIGTERM"]
    assert foreman.exit_code == 0


async def test_who_comes_later_is_quiet_as_well(autojump_clock: MockClock) -> None:
    async with at_work() as (foreman, puppets):
        await puppets[0].get_ready()
        foreman.obey(signal.SIGTSTP)
        await puppets[0].end(CRASH)
        await trio.sleep(1)
        assert puppets[1].told == []
        await puppets[1].get_ready()
        await puppets[1].end(0)

    assert puppets[0].told == ["SIGTSTP"]
    assert puppets[1].told == ["SIGTSTP"]


async def test_a_stop_ends_the_wait_for_another_try() -> None:
    async with at_work() as (foreman, puppets):
        await puppets[0].get_ready()
        await puppets[0].end(CRASH)
        foreman.obey(signal.SIGTERM)

    assert len(puppets) == 1
    assert foreman.exit_code == 0


async def test_a_change_replaces_everybody_once(autojump_clock: MockClock) -> None:
    async with at_work(2, waits_for_change=True) as (foreman, puppets):
        for puppet in puppets:
            await puppet.get_ready()
        foreman.replace()
        foreman.replace()
        assert [puppet.told for puppet in puppets] == [["SIGTERM"], ["SIGTERM"]]
        await puppets[0].end(0)
        await puppets[1].end(1)
        assert len(puppets) == 4
        await puppets[2].end(0)
        await puppets[3].end(0)

    assert foreman.exit_code == 0


async def test_one_that_crashes_for_its_source_waits_for_a_change() -> None:
    async with at_work(waits_for_change=True) as (foreman, puppets):
        await puppets[0].end(1)
        assert len(puppets) == 1
        foreman.replace()
        await trio.testing.wait_all_tasks_blocked()
        assert len(puppets) == 2
        await puppets[1].end(1)
        foreman.obey(signal.SIGTERM)

    assert len(puppets) == 2
