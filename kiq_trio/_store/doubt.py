"""What an error from Redis means for us, and asking again while in doubt.

Every call of the store may be repeated and may arrive late, so a lost reply needs
no thought: the very same commands are sent again until Redis has answered.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import trio
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004 - Redis' own, which is not an OSError.
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004 - likewise.
    TryAgainError,
)

from kiq_trio._wire.slot import Command


class Sender(Protocol):
    """What `persist` needs of a client: `Redis`, or what goes through it."""

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """As `Redis.send`."""
        ...


_PASSING = (
    BusyLoadingError,
    ConnectionError,
    MasterDownError,
    ReadOnlyError,
    TimeoutError,
    TryAgainError,
)
_PASSING_CODES = (
    "BUSY ",
    "LOADING ",
    "MASTERDOWN ",
    "NOREPLICAS ",
    "READONLY ",
    "TRYAGAIN ",
    "UNBLOCKED ",
)
_FULL_CODES = ("MISCONF ", "OOM ")

_FIRST_WAIT = 0.01
_LONGEST_WAIT = 1.0


def is_worth_retrying(error: Exception) -> bool:
    """Whether the same call will do, later or on another connection."""
    return isinstance(error, _PASSING) or str(error).startswith(_PASSING_CODES)


def is_back_pressure(error: Exception) -> bool:
    """Whether Redis takes nothing new for now: its memory or its disk is full."""
    return isinstance(error, OutOfMemoryError) or str(error).startswith(_FULL_CODES)


def is_of_wrong_type(reply: Any) -> bool:
    """Whether that is the answer for a key that is not what we take it for."""
    return isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE ")


async def persist(
    redis: Sender,
    commands: Sequence[Command],
    *,
    uniform: Callable[[float, float], float] = random.uniform,
) -> list[Any]:
    """Send *commands* until each has an answer that asking again cannot better.

    Only what may be repeated is fit for this. What is answered is not sent again;
    a lasting error stays in the list as a value. Waits through an outage of any
    length, and may be cancelled while it does.
    """
    replies: list[Any] = [None] * len(commands)
    open_ = list(range(len(commands)))
    longest = _FIRST_WAIT
    while True:
        try:
            answers = await redis.send([commands[n] for n in open_])
        except (ConnectionError, TimeoutError):
            pass
        else:
            for n, answer in zip(open_, answers, strict=True):
                replies[n] = answer
            open_ = [n for n in open_ if _is_open(replies[n])]
            if not open_:
                return replies
        await trio.sleep(uniform(_FIRST_WAIT, longest))
        longest = min(2 * longest, _LONGEST_WAIT)


async def persist_one(redis: Sender, command: Command) -> Any:
    """Send one command as `persist` does, and raise the error if it lasts."""
    (reply,) = raise_first(await persist(redis, [command]))
    return reply


def raise_first(replies: list[Any]) -> list[Any]:
    """Return *replies*, unless one is an error."""
    error = find_error(replies)
    if error is not None:
        raise error
    return replies


def without_errors(replies: Iterable[Any], instead: Any) -> list[Any]:
    """Return *replies* with *instead* for errors.

    For what is listed by whoever likes to: one that cannot be looked at, since it is
    of another kind, must not hide all others.
    """
    return [instead if isinstance(one, Exception) else one for one in replies]


def find_error(replies: Iterable[Any]) -> Exception | None:
    """Return the first error among *replies*, if there is one."""
    return next((one for one in replies if isinstance(one, Exception)), None)


def _is_open(reply: Any) -> bool:
    return isinstance(reply, Exception) and is_worth_retrying(reply)
