"""A lane sends one batch at a time, and does not change it until Redis has answered."""

from itertools import count

import pytest
import trio
from trio.testing import MockClock

from kiq_trio._pipeline.entry import Ticket
from kiq_trio._pipeline.lane import MOST_BYTES
from kiq_trio._pipeline.trouble import Trouble, TroubledLane
from tests.pipeline.buffers import entries, entry


def lane_with(numbers: range, queue: str | None = "q") -> TroubledLane:
    name = "client:queue:q"
    trouble = Trouble(name, 0.01, lambda: 0.5)
    lane = TroubledLane(name, queue, count(1), trouble=trouble)
    lane.waiting.extend(entries(numbers, queue))
    return lane


def test_a_batch_is_the_same_until_it_is_finished() -> None:
    lane = lane_with(range(3))

    first = lane.freeze()
    lane.waiting.append(entry(3))

    assert lane.freeze() is first
    assert first.payloads == (b"0", b"1", b"2")
    assert [one.jid for one in lane.finish()] == ["0", "1", "2"]
    second = lane.freeze()
    assert (second.number, second.payloads) == (first.number + 1, (b"3",))


def test_a_batch_holds_no_more_than_a_script_can_take() -> None:
    lane = lane_with(range(2_500))
    sizes = []
    while lane:
        sizes.append(len(lane.freeze().payloads))
        lane.finish()

    assert sizes == [1_000, 1_000, 500]


def test_a_batch_is_not_larger_than_a_slow_line_can_take() -> None:
    lane = lane_with(range(5))
    for one, size in zip(lane.waiting, (0.5, 0.4, 0.2, 2, 0.1), strict=True):
        one.payload = bytes(int(size * MOST_BYTES))
    sizes = []
    while lane:
        sizes.append(len(lane.freeze().payloads))
        lane.finish()

    assert sizes == [2, 1, 1, 1]


def test_jobs_for_later_travel_with_their_times() -> None:
    batch = lane_with(range(2), queue=None).freeze()

    assert (batch.queue, batch.scores) == (None, (0.0, 1.0))


def test_what_is_not_sent_can_be_withdrawn_and_what_is_sent_cannot() -> None:
    lane = lane_with(range(2))
    sent, late = lane.waiting[0], entry(2)
    lane.freeze()
    lane.waiting.append(late)

    assert lane.withdraw(late)
    assert not lane.withdraw(late)
    assert not lane.withdraw(sent)
    assert [one.jid for one in lane.entries()] == ["0", "1"]


def test_a_refused_batch_keeps_its_number_for_those_nobody_waits_for() -> None:
    lane = lane_with(range(3))
    lane.waiting[1].ticket = Ticket(1)
    refused = lane.freeze()

    assert [one.jid for one in lane.give_up_awaited()] == ["1"]

    rest = lane.freeze()
    assert (rest.number, rest.payloads) == (refused.number, (b"0", b"2"))


def test_whoever_waits_behind_a_refused_batch_is_refused_with_it() -> None:
    lane = lane_with(range(1))
    lane.freeze()
    behind = entry(1)
    behind.ticket = Ticket(1)
    lane.waiting.extend([behind, entry(2)])

    assert lane.give_up_awaited() == [behind]
    assert [one.jid for one in lane.entries()] == ["0", "2"]


def test_an_empty_lane_is_not_ready() -> None:
    assert not lane_with(range(0)).is_ready()


async def test_a_lane_in_trouble_is_ready_at_its_time(
    autojump_clock: MockClock,
) -> None:
    lane = lane_with(range(1))
    lane.trouble.retry_at = trio.current_time() + 5

    assert (lane.trouble.seconds_left(), lane.is_ready()) == (5, False)
    await trio.sleep(5)
    assert lane.is_ready()


async def test_a_ticket_waits_for_the_last_job_and_tells_of_a_refusal(
    autojump_clock: MockClock,
) -> None:
    ticket = Ticket(2)
    ticket.fail(ValueError("refused"))
    with trio.move_on_after(60) as scope:
        await ticket.wait()
    assert scope.cancelled_caught

    ticket.stamp()

    with pytest.raises(ValueError, match="refused"):
        await ticket.wait()
