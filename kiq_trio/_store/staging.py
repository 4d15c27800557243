"""Moving due jobs from the schedule and the retry set to their queues."""

from collections.abc import Sequence

import attrs

from kiq_trio._store.doubt import raise_first
from kiq_trio._store.moving import Move, move
from kiq_trio._store.replies import read_moment, read_scores
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command


@attrs.frozen
class Due:
    """The front of a sorted set, seen by the clock of Redis."""

    now: float
    entries: tuple[tuple[bytes, float], ...]
    """Members that are due, with their scores, the earliest first."""
    next_at: float | None
    """When the first member that is not due will be; None if none was seen."""


async def read_due(
    redis: Redis, source: str, *, limit: int = 200, skip: int = 0
) -> Due:
    """Return what is due in *source*, at most *limit* members, in one round trip.

    The first *skip* members are left out.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try.
    """
    commands: list[Command] = [
        ("TIME",),
        ("ZRANGE", source, skip, skip + limit - 1, "WITHSCORES"),
    ]
    moment, reply = raise_first(await redis.send(commands))
    now = read_moment(moment)
    members = read_scores(reply)
    waiting = [score for _, score in members if score > now]
    return Due(
        now,
        tuple((member, score) for member, score in members if score <= now),
        waiting[0] if waiting else None,
    )


async def stage(redis: Redis, source: str, moves: Sequence[Move]) -> int:
    """Move what is still due and unchanged, earliest first; return how many were.

    May be repeated and may race with other stagers: each member moves once. The
    same bytes, already in the dead set, are not added to it twice.
    """
    return await move(redis, source, moves, when="due")
