"""Moving jobs out of the schedule, the retry set and the dead set."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from kiq_trio._store.doubt import persist, raise_first
from kiq_trio._store.keys import DEAD, QUEUES
from kiq_trio._store.paging import Keys, pages
from kiq_trio._store.scripts import MOVE
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Argument, Command

_PLACE_OF_DEAD = 2
_NOWHERE = 0

When: TypeAlias = Literal["due", "any"]


@attrs.define
class Move:
    """A member of a sorted set, and what becomes of it."""

    old: bytes
    score: float
    """With which it was read; rescheduled since, it is left alone."""
    queue: str | None
    """The queue's name; None is the dead set."""
    new: bytes | None
    """What is written there; None deletes the job, wherever it was to go."""
    token: str | None = None
    """The lock to release, if *owner* is still its owner."""
    owner: str = ""


async def move(
    redis: Redis, source: str, moves: Sequence[Move], *, when: When = "any"
) -> int:
    """Move what is unchanged, earliest first; return how many were.

    May be repeated and may race with anybody: each member moves once. No member
    may be given twice. The same bytes, already in the dead set, are not added to it
    twice. The dead set is not cut to its limits here: the next death does that.

    Args:
        redis: where.
        source: `schedule`, `retry` or `dead`.
        moves: which, and where to.
        when: with `due`, only what is due by the clock of Redis.

    Raises:
        ValueError: a move from the dead set to itself, which would delete it.
        redis.exceptions.ResponseError: Redis refuses a page of 200, of which
            nothing was moved; pages before it were.
    """
    if source == DEAD and any(m.queue is None and m.new is not None for m in moves):
        raise ValueError("what is in the dead set is dead already")
    commands = [_command(source, when, page) for page in pages(moves)]
    return sum(raise_first(await persist(redis, commands))) if commands else 0


def _command(source: str, when: When, moves: Sequence[Move]) -> Command:
    keys = Keys(source, DEAD, QUEUES)
    args: list[Argument] = [when]
    for one in moves:
        args += (one.old, repr(one.score))
        if one.new is None:
            args += ("", _NOWHERE, b"")
        elif one.queue is None:
            args += ("", _PLACE_OF_DEAD, one.new)
        else:
            args += (one.queue, keys.place_of(one.queue), one.new)
        args += (keys.place_of_lock(one.token), one.owner)
    return MOVE(keys.names, args)
