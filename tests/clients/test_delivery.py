"""The steps of a call, taken by hand, on a clock that is moved by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from kiq_trio._clients.clerks import Clerk
from kiq_trio._clients.delivery import Delivery
from kiq_trio._clients.patience import Patience, Pause
from kiq_trio._clients.steps import Step
from kiq_trio._pipeline.entry import Entry
from kiq_trio.errors import QueueFull, UnknownOutcomeError

LOST = RedisConnectionError("reply lost")


class Call:
    """One call, whose Redis is *answer*; a pause takes as long as it says."""

    def __init__(self, count: int, answer: Callable[[Any], Any], **sizes: int) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self.sent: list[Any] = []
        self._answer = answer
        self._sizes = sizes
        self._entries = [Entry(f"j{n}", "mail", b"payload") for n in range(count)]

    def also(self, queue: str, jid: str) -> None:
        """Let a job for another queue come before those for `mail`."""
        self._entries.insert(0, Entry(jid, queue, b"payload"))

    def run(self) -> None:
        patience = Patience(1.0, lambda: self.now, lambda: 1.0)
        steps = Delivery.load(self._entries, Clerk(), self._sizes, patience).steps()
        answer: Any = None
        while True:
            try:
                answer = self._take(steps.send(answer))
            except StopIteration:
                return

    def _take(self, step: Step) -> Any:
        if isinstance(step, Pause):
            self.pauses.append(step.seconds)
            self.now += step.seconds
            return None
        self.sent.append(step)
        return self._answer(step)


def test_a_lost_reply_is_asked_for_with_the_same_command() -> None:
    answers = iter([LOST, LOST, 1])
    call = Call(1, lambda _: next(answers))

    call.run()

    assert call.sent[0] == call.sent[1] == call.sent[2]
    assert call.pauses == [0.05, 0.1]


def test_each_batch_has_a_number_above_the_last() -> None:
    call = Call(2_500, lambda _: 1)

    call.run()

    assert [command[6] for command in call.sent] == [1, 2, 3]


def test_the_timeout_begins_anew_when_a_batch_is_stored() -> None:
    def answer(_: Any) -> Any:
        call.now += 0.3
        # Each batch takes 0.9 s and more; three of them take longer than the timeout.
        return LOST if len(call.sent) % 3 else 1

    call = Call(3_000, answer)
    call.run()

    assert call.now > 102.7
    assert len(call.sent) == 9


def test_who_gives_up_has_tried_until_the_last_moment() -> None:
    call = Call(2, lambda _: LOST)

    with pytest.raises(UnknownOutcomeError) as caught:
        call.run()

    assert call.now == 101.0
    assert caught.value.jids == ("j0", "j1")
    assert caught.value.__cause__ is LOST


def test_what_redis_says_later_ends_the_doubt() -> None:
    # The first batch is stored after all; the second certainly is not.
    answers = iter([LOST, 1])
    call = Call(1_001, lambda _: next(answers, OutOfMemoryError("OOM")))

    with pytest.raises(OutOfMemoryError):
        call.run()


def test_a_job_that_found_its_queue_full_is_in_no_doubt() -> None:
    answers = iter([LOST])
    call = Call(2, lambda _: next(answers, [b"j1", b""]), mail=1)

    with pytest.raises(QueueFull):
        call.run()


def test_a_full_redis_after_a_lost_reply_leaves_the_doubt() -> None:
    answers = iter([LOST])
    full = OutOfMemoryError("OOM command not allowed")
    call = Call(1, lambda _: next(answers, full))

    with pytest.raises(UnknownOutcomeError):
        call.run()


def test_the_cause_is_the_loss_and_not_what_else_went_wrong() -> None:
    def answer(command: Any) -> Any:
        return OutOfMemoryError("OOM") if "queue:full" in command else LOST

    call = Call(1, answer)
    call.also("full", "f")

    with pytest.raises(UnknownOutcomeError) as caught:
        call.run()

    assert caught.value.jids == ("j0",)
    assert caught.value.unstored == ("f",)
    assert caught.value.__cause__ is LOST
