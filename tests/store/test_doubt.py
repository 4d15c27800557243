"""Against a Redis that is made of answers: no server would err on demand."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
import trio
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004 - Redis' own, which is not an OSError.
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004 - likewise.
    TryAgainError,
)
from trio.testing import MockClock

from kiq_trio._store.doubt import (
    is_back_pressure,
    is_worth_retrying,
    persist,
    persist_one,
)
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command


class Answers:
    """Answers each `send` with the next of what was given, or raises it."""

    def __init__(self, *answers: list[Any] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[list[Command]] = []

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        await trio.lowlevel.checkpoint()
        self.asked.append(list(commands))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def redis(self) -> Redis:
        return cast("Redis", self)


A, B, C = ("PING", "a"), ("PING", "b"), ("PING", "c")


@pytest.mark.parametrize(
    "error",
    [
        BusyLoadingError("Redis is loading the dataset in memory"),
        ConnectionError("Connection reset by peer"),
        MasterDownError("Link with MASTER is down"),
        ReadOnlyError("You can't write against a read only replica."),
        ResponseError("BUSY Redis is busy running a script."),
        ResponseError("LOADING Redis is loading the dataset in memory"),
        ResponseError("NOREPLICAS Not enough good replicas to write."),
        ResponseError("UNBLOCKED force unblock from blocking operation"),
        TimeoutError("Timeout reading from socket"),
        TryAgainError("Multiple keys request during rehashing of slot"),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:40],
)
def test_what_passes_by_itself_is_worth_retrying(error: Exception) -> None:
    assert is_worth_retrying(error)
    assert not is_back_pressure(error)


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        ResponseError("MISCONF Errors writing to the AOF file: No space left"),
        ResponseError("OOM command not allowed when used memory > 'maxmemory'."),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:40],
)
def test_a_full_redis_is_back_pressure(error: Exception) -> None:
    assert is_back_pressure(error)
    assert not is_worth_retrying(error)


@pytest.mark.parametrize(
    "error",
    [
        NoPermissionError("this user has no permissions to run the 'lpush' command"),
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind"),
        ResponseError("ERR wrong number of arguments, not BUSY"),
        OSError("not of Redis"),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:40],
)
def test_what_lasts_is_neither(error: Exception) -> None:
    assert not is_worth_retrying(error)
    assert not is_back_pressure(error)


async def test_the_same_commands_are_sent_until_redis_answers(
    autojump_clock: MockClock,
) -> None:
    answers = Answers(ConnectionError("lost"), TimeoutError("silent"), [b"1", b"2"])

    assert await persist(answers.redis, [A, B]) == [b"1", b"2"]

    assert answers.asked == [[A, B]] * 3


async def test_only_what_is_in_doubt_is_sent_again(autojump_clock: MockClock) -> None:
    busy, wrong = ResponseError("BUSY"), ResponseError("WRONGTYPE")
    busy = ResponseError("BUSY Redis is busy")
    answers = Answers([b"1", busy, wrong], [busy], [b"2"])

    assert await persist(answers.redis, [A, B, C]) == [b"1", b"2", wrong]

    assert answers.asked == [[A, B, C], [B], [B]]


async def test_the_pauses_grow_to_a_second_and_are_jittered(
    autojump_clock: MockClock,
) -> None:
    ranges: list[tuple[float, float]] = []

    def longest(low: float, high: float) -> float:
        ranges.append((low, high))
        return high

    answers = Answers(*[ConnectionError("lost")] * 9, [b"1"])
    started = trio.current_time()

    await persist(answers.redis, [A], uniform=longest)

    assert {low for low, _ in ranges} == {0.01}
    highs = [high for _, high in ranges]
    assert highs == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0]
    assert trio.current_time() - started == pytest.approx(sum(highs))


async def test_an_outage_of_any_length_can_be_cancelled(
    autojump_clock: MockClock,
) -> None:
    answers = Answers(*[ConnectionError("lost")] * 1_000)

    with trio.move_on_after(60) as scope:
        await persist(answers.redis, [A])

    assert scope.cancelled_caught


async def test_nothing_to_send_is_nothing_to_wait_for() -> None:
    assert await persist(Answers([]).redis, []) == []


async def test_one_command_raises_the_error_that_lasts() -> None:
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await persist_one(Answers([ResponseError("WRONGTYPE")]).redis, A)
