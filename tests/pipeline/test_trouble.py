"""Whoever has to wait tries again after longer and longer."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from trio.testing import MockClock

from kiq_trio._pipeline.trouble import Trouble
from kiq_trio.errors import QueueFull

OUTAGE = RedisConnectionError("no connection")


def pauses(trouble: Trouble, error: Exception, count: int) -> list[float]:
    found = []
    for _ in range(count):
        trouble.grow(error)
        found.append(trouble.seconds_left())
    return found


async def test_the_pauses_of_an_outage_grow_by_half_up_to_five_seconds(
    mock_clock: MockClock,
) -> None:
    trouble = Trouble("queue:default", 0.01, random=lambda: 1.0)

    found = pauses(trouble, OUTAGE, 20)

    grown = [min(0.01 * 1.5 ** (n + 1), 5.0) for n in range(20)]
    assert found == pytest.approx(grown)
    assert found[-1] == 5.0


async def test_after_an_outage_the_pauses_are_short_again(
    mock_clock: MockClock,
) -> None:
    trouble = Trouble("queue:default", 0.01, random=lambda: 1.0)
    first, *_ = pauses(trouble, OUTAGE, 20)

    trouble.end()

    assert pauses(trouble, OUTAGE, 1) == [first]


async def test_the_pauses_are_jittered_so_that_not_all_come_back_at_once(
    mock_clock: MockClock,
) -> None:
    trouble = Trouble("queue:default", 1.0, random=lambda: 0.0)

    assert pauses(trouble, OUTAGE, 1) == [0.75]


async def test_a_full_queue_is_looked_at_once_a_second_at_least(
    mock_clock: MockClock,
) -> None:
    trouble = Trouble("queue:default", 0.01, random=lambda: 1.0)

    assert pauses(trouble, QueueFull("default", 5), 20)[-1] == 1.0
