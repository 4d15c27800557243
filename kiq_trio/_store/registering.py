"""Joining, staying and leaving: who may hold jobs."""

import enum
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
from kiq_trio._store.replies import read_pairs
from kiq_trio._store.scripts import BEAT, LEAVE, REGISTER
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command

_OUTRUN = -1


class Beat(enum.Enum):
    """What a process learns when it beats."""

    ALIVE = "alive"
    BURIED = "buried"
    """Gone, and others are registered: they have taken our jobs."""
    FORGOTTEN = "forgotten"
    """Gone, and nobody is registered: Redis has lost its data."""


async def register(redis: Redis, identity: str) -> bool:
    """Join under *identity*; False when it is taken: choose a new one.

    Before this, nothing may be fetched. An identity serves once: after a lost
    reply it may turn out to be taken by ourselves, and is buried in due course.
    """
    while True:
        seen = await persist_one(redis, ("GET", REGISTRATIONS)) or b"0"
        command = REGISTER((PROCESSES, BACKUPS, REGISTRATIONS), (identity, seen))
        answer = await persist_one(redis, command)
        if answer != _OUTRUN:
            return bool(answer)


def beat_command(identity: str) -> Command:
    """Return the command that beats once, to be read with `read_beat`.

    It carries the script's text, since the thread that beats has a connection
    of its own, to a server that may have forgotten all scripts.
    """
    return ("EVAL", BEAT.source, 1, PROCESSES, identity)


def read_beat(reply: Any) -> Beat:
    """Return what the reply to `beat_command` means."""
    if reply > 0:
        return Beat.ALIVE
    return Beat.FORGOTTEN if reply == 0 else Beat.BURIED


async def beat(redis: Redis, identity: str) -> Beat:
    """Say that *identity* is alive, or learn that it is not.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try: whether a beat
            was in time is for the caller to judge.
    """
    return read_beat(await redis.raw(*beat_command(identity)))


async def leave(redis: Redis, identity: str) -> bool:
    """Leave for good: True when nothing stays behind, False when a grave does."""
    keys = (PROCESSES, BACKUPS, GRAVES, backup_key(identity), calls_key(identity))
    return bool(await persist_one(redis, LEAVE(keys, (identity,))))


async def read_counters(redis: Redis) -> dict[str, int]:
    """Return the beat counter of every registered process.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try: a gap in what an
            observer sees must be visible to it.
    """
    reply = await redis.raw("HGETALL", PROCESSES)
    return {identity.decode(): int(counter) for identity, counter in read_pairs(reply)}
