"""A `Kiq` is a guest in somebody's program, and not the only one."""

import trio
from trio.testing import MockClock

from kiq_trio import Kiq, worker
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryServer
from kiq_trio.worker import AnyWorker
from tests.conftest import EPOCH
from tests.journey.conftest import KiqMaker


async def test_services_of_one_program_stop_one_by_one(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    ran: list[str] = []
    first, second = note_to(ran, "first"), note_to(ran, "second")

    async with trio.open_nursery() as nursery:
        # Each on a server of its own.
        one: Kiq = await nursery.start(make_kiq(workers=[first]).run)
        elsewhere = MemoryServer(TrioClock(EPOCH))
        two: Kiq = await nursery.start(
            make_kiq(workers=[second], redis_url=elsewhere).run
        )
        await one.enqueue(first.new())
        await two.enqueue(second.new())
        await one.wait_idle()
        await two.wait_idle()
        assert sorted(ran) == ["first", "second"]

        one.stop()
        await trio.testing.wait_all_tasks_blocked()
        await two.enqueue(second.new())
        await two.wait_idle()
        assert ran.count("second") == 2
        two.stop()


async def test_one_that_falls_takes_only_its_own_program_along(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    ran: list[str] = []
    note = note_to(ran, "note")

    async with make_kiq(workers=[note]) as kiq:
        async with trio.open_nursery() as guests:
            await guests.start(make_kiq(queues={"other": 1}).run)
            guests.cancel_scope.cancel()
        await kiq.enqueue(note.new())
        await kiq.wait_idle()

    assert ran == ["note"]


async def test_the_same_workers_may_serve_two_queues_in_one_program(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    ran: list[str] = []
    note = note_to(ran, "note")

    async with (
        make_kiq(workers=[note], queues={"fast": 1}) as fast,
        make_kiq(workers=[note], queues={"slow": 1}) as slow,
    ):
        await fast.enqueue(note.set(queue="slow").new())
        await slow.enqueue(note.set(queue="fast").new())
        await fast.wait_idle()
        await slow.wait_idle()

    assert fast.stats.succeeded == slow.stats.succeeded == {"note": 1}
    assert ran == ["note", "note"]


def note_to(ran: list[str], name: str) -> AnyWorker:
    @worker(name=name)
    async def note() -> None:
        ran.append(name)

    return note
