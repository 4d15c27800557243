"""Putting a job into a sorted set by hand, and cutting the dead set to its limits."""

import secrets

import attrs

from kiq_trio._store.dating import read_clock
from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import DEAD, flush_key
from kiq_trio._store.scripts import SCHEDULE
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command

_REMEMBERED_FOR = 86_400


@attrs.frozen
class Laying:
    """A job on its way into a sorted set.

    Attributes:
        place: `schedule`, `retry` or `dead`.
        payload: what is written there.
        score: when it is due, or died, in epoch seconds.
    """

    place: str
    payload: bytes
    score: float


async def lay(redis: Redis, laying: Laying) -> None:
    """Put a job into a sorted set, exactly once.

    If it lies there already, it gets the new score. A copy of this call that comes
    within a day does nothing: the job may have gone on.

    Raises:
        redis.exceptions.RedisError: Redis is full; nothing was stored.
    """
    # A lane for this call alone, which remembers that it came.
    lane = f"hand|{secrets.token_hex(12)}"
    args = (1, _REMEMBERED_FOR, repr(laying.score), laying.payload)
    await persist_one(redis, SCHEDULE((flush_key(lane), laying.place), args))


async def trim(redis: Redis, *, limit: int, timeout: float) -> int:
    """Delete dead jobs older than *timeout* seconds, and the oldest beyond *limit*.

    May be repeated; a copy that comes late deletes what the next death would.

    Returns:
        How many were deleted; after a lost connection maybe fewer.
    """
    oldest = await read_clock(redis) - timeout
    commands: list[Command] = [
        ("ZREMRANGEBYSCORE", DEAD, "-inf", repr(oldest)),
        ("ZREMRANGEBYRANK", DEAD, 0, -limit - 1),
    ]
    return sum(raise_first(await persist(redis, commands)))
