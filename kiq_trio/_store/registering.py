"""Joining, staying and leaving: who may hold jobs."""

import enum
import secrets
from collections.abc import Callable
from typing import Any

from kiq_trio._store.doubt import persist_one
from kiq_trio._store.keys import (
    BACKUPS,
    GRAVES,
    PROCESSES,
    REGISTRATIONS,
    backup_key,
    calls_key,
)
from kiq_trio._store.replies import read_names, read_pairs
from kiq_trio._store.scripts import BEAT, LEAVE, REGISTER
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command

_DIGITS = 19
"""A counter has no more; what has was never counted."""

_OUTRUN = -1
_STARTS = 2**52
"""Numbers start below this. Lua's, which are doubles, are exact up to its double."""
_ONE_LIFE = 2**31
"""More registrations than there are while one process lives."""


class Beat(enum.Enum):
    """What a process learns when it beats."""

    ALIVE = "alive"
    BURIED = "buried"
    """Gone, and nothing else is: others have taken our jobs."""
    FORGOTTEN = "forgotten"
    """Gone with everything else: Redis has lost its data."""


async def register(
    redis: Redis, identity: str, *, randbelow: Callable[[int], int] = secrets.randbelow
) -> int:
    """Join under *identity*; return our number, or 0 when it is taken: choose anew.

    Before this, nothing may be fetched. An identity serves once: after a lost
    reply it may turn out to be taken by ourselves, and is buried in due course.

    Args:
        redis: where we join.
        identity: a name that was never used before.
        randbelow: where the numbers start in a Redis without any. By default what
            the system knows of chance, since forked processes share Python's.
    """
    while True:
        seen = await persist_one(redis, ("GET", REGISTRATIONS))
        step = 1 if seen else 1 + randbelow(_STARTS - 1)
        keys = (PROCESSES, BACKUPS, REGISTRATIONS)
        command = REGISTER(keys, (identity, seen or 0, step))
        answer: int = await persist_one(redis, command)
        if answer != _OUTRUN:
            return answer


def beat_command(identity: str) -> Command:
    """Return the command that beats once, to be read with `read_beat`.

    It carries the script's text, since the thread that beats has a connection
    of its own, to a server that may have forgotten all scripts.
    """
    return ("EVAL", BEAT.source, 2, PROCESSES, REGISTRATIONS, identity)


def read_beat(reply: Any, number: int) -> Beat:
    """Return what the reply to `beat_command` means to registration *number*.

    A Redis that has buried us counts on from our number. One that has lost its data
    counts from elsewhere, and one that came back with older data has yet to get
    there. Whoever deletes nothing but `kiq:processes` has buried everybody.
    """
    if reply > 0:
        return Beat.ALIVE
    since_us = -reply - number
    return Beat.BURIED if 0 <= since_us < _ONE_LIFE else Beat.FORGOTTEN


async def beat(redis: Redis, identity: str, number: int) -> Beat:
    """Say that *identity* is alive, or learn that it is not.

    Args:
        redis: where we are registered.
        identity: our name there.
        number: what `register` returned.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try: whether a beat
            was in time is for the caller to judge.
    """
    return read_beat(await redis.raw(*beat_command(identity)), number)


async def leave(redis: Redis, identity: str) -> bool:
    """Leave for good: True when nothing stays behind, False when a grave does."""
    keys = (PROCESSES, BACKUPS, GRAVES, backup_key(identity), calls_key(identity))
    return bool(await persist_one(redis, LEAVE(keys, (identity,))))


async def read_counters(redis: Redis) -> dict[str, int]:
    """Return the beat counter of every registered process.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try.
    """
    return counters_in(await redis.raw("HGETALL", PROCESSES))


def counters_in(reply: Any) -> dict[str, int]:
    """Return the counters in a reply that holds all of `kiq:processes`.

    What a hand has put there that is no counter is left out: it never moves, and
    cannot be compared with one.
    """
    counters = dict(read_pairs(reply))
    known = ((name, counters[name.encode()]) for name in read_names(counters))
    return {
        name: int(counter)
        for name, counter in known
        if counter.isdigit() and len(counter) <= _DIGITS
    }
