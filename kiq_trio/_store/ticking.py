"""The ticks of periodic jobs: each exactly once, whoever is there to see it."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from kiq_trio._store.doubt import raise_first
from kiq_trio._store.enqueueing import to_px
from kiq_trio._store.keys import (
    PAUSED_PERIODICS,
    QUEUES,
    TICKS,
    queue_key,
    unique_key,
)
from kiq_trio._store.replies import read_moment
from kiq_trio._store.scripts import TICK
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Argument, Command
from kiq_trio.unique import Lock

Ticked: TypeAlias = Literal["enqueued", "passed", "paused", "duplicate", "late"]
"""What became of a tick.

`enqueued`: its job is in the queue. `passed`: as was asked for. `paused`: somebody
paused this periodic. `duplicate`: its job is unique, and another one has the lock.
With each of these, the tick is the last one now. `late`: nothing was done, since the
last tick is not the one that was expected.
"""


@attrs.frozen
class NewJob:
    """A job to enqueue at a tick.

    Attributes:
        queue: the queue's name.
        payload: the job.
        lock: what it must get to be enqueued, if it is unique.
    """

    queue: str
    payload: bytes
    lock: Lock | None = None


@attrs.frozen
class Ticking:
    """One tick of a periodic job.

    Attributes:
        name: of the periodic.
        last: its last tick as it was read; empty if there was none.
        tick: epoch seconds, as text.
        order: what to enqueue; None passes the tick over.
    """

    name: str
    last: str
    tick: str
    order: NewJob | None = None


@attrs.frozen
class Reading:
    """What time it is for Redis, and when each periodic job had its last tick."""

    now: float
    last: dict[str, str]
    """By name; those that never had one are left out."""


async def read_ticks(redis: Redis, names: Sequence[str]) -> Reading:
    """Read the clock of Redis and the last ticks of *names*, in one round trip.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try.
    """
    commands: list[Command] = [("TIME",), ("HMGET", TICKS, *names)]
    moment, ticks = raise_first(await redis.send(commands))
    return Reading(
        read_moment(moment),
        {
            name: tick.decode(errors="surrogateescape")
            for name, tick in zip(names, ticks, strict=True)
            if tick is not None
        },
    )


async def tick(redis: Redis, tickings: Sequence[Ticking]) -> list[Ticked | Exception]:
    """Let *tickings* happen, each at most once in the life of the cluster.

    Several of one name are given in their order, each with the one before as its
    `last`. An error that Redis answered stays in the list.

    Raises:
        redis.exceptions.ConnectionError: no answer: they may have happened or not,
            and reading the ticks again tells.
    """
    replies = await redis.send([_command(one) for one in tickings])
    return [
        reply if isinstance(reply, Exception) else reply.decode() for reply in replies
    ]


def _command(ticking: Ticking) -> Command:
    order = ticking.order
    # A hand may have written it, and it must be the same to be replaced.
    last = ticking.last.encode(errors="surrogateescape")
    args: list[Argument] = [ticking.name, last, ticking.tick]
    if order is None:
        return TICK([TICKS, PAUSED_PERIODICS, QUEUES, QUEUES], [*args, "", "", "", 0])
    keys = [TICKS, PAUSED_PERIODICS, queue_key(order.queue), QUEUES]
    args += [order.queue, order.payload]
    lock = order.lock
    if lock is None:
        return TICK(keys, [*args, "", 0])
    keys.append(unique_key(lock.token))
    return TICK(keys, [*args, lock.owner, to_px(lock.seconds)])
