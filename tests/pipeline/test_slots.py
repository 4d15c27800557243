"""The hand-over holds no more jobs than there are consumers to take them."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._pipeline.pace import TURN
from kiq_trio._pipeline.slots import Slots
from kiq_trio._store.fetching import Delivery


def deliveries(count: int) -> list[Delivery]:
    return [Delivery(f"q.1.{n}", "q", b"{}", "me") for n in range(count)]


async def test_the_producer_is_told_how_many_consumers_are_idle() -> None:
    slots = Slots()

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(slots.take)
        await wait_all_tasks_blocked()

        assert await slots.wait_free() == 3

        slots.hand_over(deliveries(2))
        assert slots.free == 1
        slots.hand_over(deliveries(1))


async def test_a_producer_waits_while_every_consumer_is_busy() -> None:
    slots = Slots()
    rooms: list[int] = []

    async def produce() -> None:
        rooms.append(await slots.wait_free())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        await wait_all_tasks_blocked()
        assert rooms == []

        nursery.start_soon(slots.take)
        await wait_all_tasks_blocked()
        assert rooms == [1]
        slots.hand_over(deliveries(1))


async def test_jobs_come_out_in_their_order_even_if_one_consumer_takes_all() -> None:
    slots = Slots()
    taken: list[str] = []

    async def consume() -> None:
        while True:
            taken.append((await slots.take()).id)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(consume)
        await wait_all_tasks_blocked()
        slots.hand_over(deliveries(5))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()

    assert taken == [f"q.1.{n}" for n in range(5)]


async def test_jobs_that_suspend_occupy_a_consumer_each() -> None:
    slots = Slots()
    started: list[str] = []

    async def consume() -> None:
        while True:
            started.append((await slots.take()).id)
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(consume)
        await wait_all_tasks_blocked()
        slots.hand_over(deliveries(4))
        await wait_all_tasks_blocked()

        assert len(started) == 4
        assert slots.free == 1
        nursery.cancel_scope.cancel()


async def test_a_consumer_that_gives_way_by_the_clock_is_helped_by_few(
    mock_clock: MockClock,
) -> None:
    slots = Slots()
    awake: set[int] = set()

    async def consume(number: int) -> None:
        while True:
            await slots.take()
            awake.add(number)
            if trio.current_time() > slots.pace.ends_at:
                await slots.pace.next_turn()
            # As long as a job takes that never suspends.
            mock_clock.jump(TURN / 20)

    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(consume, number)
        await wait_all_tasks_blocked()
        slots.hand_over(deliveries(200))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()

    assert slots.is_empty
    # Ten turns, each of which wakes one or two more at most.
    assert len(awake) <= 30


async def test_closing_sends_consumers_home_and_keeps_what_none_has_taken() -> None:
    slots = Slots()
    ends: list[str] = []

    async def consume() -> None:
        try:
            ends.append((await slots.take()).id)
        except trio.EndOfChannel:
            ends.append("home")

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(consume)
        await wait_all_tasks_blocked()
        slots.hand_over(deliveries(2))
        slots.close()

    assert ends == ["home", "home"]
    assert [job.id for job in slots.take_back()] == ["q.1.0", "q.1.1"]


async def test_what_is_handed_over_after_closing_is_taken_by_nobody() -> None:
    slots = Slots()
    slots.close()
    slots.hand_over(deliveries(1))

    with pytest.raises(trio.EndOfChannel):
        await slots.take()

    assert [job.id for job in slots.take_back()] == ["q.1.0"]


async def test_a_cancelled_consumer_takes_no_job_with_it() -> None:
    slots = Slots()

    with trio.move_on_after(0):
        await slots.take()
    slots.hand_over(deliveries(1))

    assert [job.id for job in slots.take_back()] == ["q.1.0"]
