"""The list of periodic jobs, as it is shown to people."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from kiq_trio import encoder
from kiq_trio._plan import Plan
from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import PAUSED_PERIODICS, PERIODICS, TICKS
from kiq_trio._store.replies import read_pairs
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Argument
from kiq_trio.errors import ConfigError, DecodeError

_DIGITS = 12
"""A time in epoch seconds has no more."""


@attrs.frozen
class Listed:
    """A periodic job that some process has told of.

    Attributes:
        name: what the cluster knows it by.
        crontab: when it is due.
        timezone: by whose clock.
        catch_up: what happens after missed ticks.
        worker: the class of its jobs.
        queue: where they go.
        args: their arguments.
        last_tick: the one that was dealt with last, in epoch seconds: it got its job,
            was passed over, or was the one before the periodic job was first heard of.
            None if no process has looked yet.
        next_tick: likewise, by the clock of Redis; None if we cannot tell.
        is_paused: whether its ticks pass without a job.
    """

    name: str
    crontab: str
    timezone: str
    catch_up: str | int
    worker: str
    queue: str
    args: Sequence[Any]
    last_tick: int | None
    next_tick: int | None
    is_paused: bool


async def write_periodics(
    redis: Redis, described: Mapping[str, Mapping[str, Any]]
) -> None:
    """Store what each periodic is, by name, for people to read.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try.
    """
    pairs: list[Argument] = []
    for name, fields in described.items():
        pairs += (name, encoder.encode(fields))
    await redis.raw("HSET", PERIODICS, *pairs)


async def read_periodics(redis: Redis) -> list[Listed]:
    """Return all periodics that any process has told of, by name."""
    time, described, ticks, paused_names = raise_first(
        await persist(
            redis,
            [
                ("TIME",),
                ("HGETALL", PERIODICS),
                ("HGETALL", TICKS),
                ("SMEMBERS", PAUSED_PERIODICS),
            ],
        )
    )
    last = dict(read_pairs(ticks))
    paused = set(paused_names)
    return [
        _read(name, text, last.get(name), now=int(time[0]), is_paused=name in paused)
        for name, text in sorted(read_pairs(described))
    ]


async def pause_periodic(redis: Redis, name: str) -> bool:
    """Let the ticks of *name* pass without a job; return whether they did not yet."""
    return bool(await persist_one(redis, ("SADD", PAUSED_PERIODICS, name)))


async def resume_periodic(redis: Redis, name: str) -> bool:
    """Let *name* have jobs again, from its next tick on; return whether it had none."""
    return bool(await persist_one(redis, ("SREM", PAUSED_PERIODICS, name)))


async def forget_periodic(redis: Redis, name: str) -> bool:
    """Delete what is known of *name*; return whether it was listed.

    Whoever still has it in its code starts anew with it at once, as if it had never
    been: its missed ticks are not made up for.
    """
    known = await persist_one(redis, ("HDEL", PERIODICS, name))
    await persist_one(redis, ("HDEL", TICKS, name))
    await persist_one(redis, ("SREM", PAUSED_PERIODICS, name))
    return bool(known)


def _read(
    name: bytes, text: bytes, last: bytes | None, *, now: int, is_paused: bool
) -> Listed:
    try:
        fields = encoder.decode(text)
    except DecodeError:
        fields = None
    if not isinstance(fields, dict):
        # Somebody else's, or of a later version: at least it has a name.
        fields = {}

    def text_of(field: str) -> str:
        return str(fields.get(field, ""))

    catch_up, args = fields.get("catch_up", ""), fields.get("args", ())
    try:
        plan = Plan(text_of("crontab"), text_of("timezone"))
    except ConfigError:
        next_tick = None
    else:
        next_tick = plan.next_after(now)
    return Listed(
        name=name.decode(errors="replace"),
        crontab=text_of("crontab"),
        timezone=text_of("timezone"),
        catch_up=catch_up if type(catch_up) is int else str(catch_up),
        worker=text_of("worker"),
        queue=text_of("queue"),
        args=args if isinstance(args, list) else (),
        last_tick=_read_tick(last),
        next_tick=next_tick,
        is_paused=is_paused,
    )


def _read_tick(last: bytes | None) -> int | None:
    """Return when a tick was, if it can have been then."""
    is_time = last is not None and last.isdigit() and len(last) <= _DIGITS
    return int(last) if last is not None and is_time else None
