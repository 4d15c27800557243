"""Declaring the silent dead, and giving back the jobs they held."""

from collections.abc import Sequence

import attrs

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import (
    BACKUPS,
    DEAD,
    GRAVES,
    PROCESSES,
    QUEUES,
    backup_key,
    calls_key,
)
from kiq_trio._store.paging import Keys, pages
from kiq_trio._store.registering import counters_in
from kiq_trio._store.replies import read_names, read_pairs
from kiq_trio._store.scripts import BURY, BURY_ORPHAN, DRAIN
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Argument, Command
from kiq_trio.unique import Lock

_PLACE_OF_DEAD = 7
_CLOSED = 1

_SUSPECT = "\nsuspect"
"""Where `suspect` has written which job is to blame."""


@attrs.frozen
class Held:
    """A job found in a grave."""

    delivery_id: str
    queue: str
    """Empty if a hand in Redis left something that names no queue."""
    payload: bytes
    raw: bytes
    """What the backup holds, to be compared when the job is moved."""
    is_suspected: bool = False
    """Whether its process named it as the one to blame."""


@attrs.frozen
class Rescued:
    """A job found in a grave, and what becomes of it."""

    held: Held
    payload: bytes
    """What to write: the job as it was, with the stamp of this rescue."""
    to_dead: bool = False
    lock: Lock | None = None
    """What a unique job gives back when it goes to the dead set."""


@attrs.frozen
class Sight:
    """What an observer sees of all processes."""

    counters: dict[str, int]
    """The beat counters of those that are registered."""
    orphans: set[str]
    """Ids that have a backup, but are neither registered nor in a grave."""
    graves: set[str]
    """Ids that wait to be drained."""


async def bury(redis: Redis, identity: str, counter: int) -> bool:
    """Bury a process whose counter still is *counter*; False if it has moved.

    False, too, if it is gone already: after a lost reply, by this very call.
    """
    command = BURY((PROCESSES, GRAVES), (identity, counter))
    return bool(await persist_one(redis, command))


async def bury_orphan(redis: Redis, identity: str) -> bool:
    """Give a grave to a backup that nobody owns; False if it needs none."""
    keys = (PROCESSES, BACKUPS, GRAVES)
    return bool(await persist_one(redis, BURY_ORPHAN(keys, (identity,))))


async def look_around(redis: Redis) -> Sight:
    """Return who is registered, and what has no owner, in one round trip.

    The keys are read one after the other, so an id may appear as an orphan that was
    just moving: see it twice, some time apart, before `bury_orphan`.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try: a gap in what an
            observer sees must be visible to it.
    """
    commands = (("HGETALL", PROCESSES), ("SMEMBERS", BACKUPS), ("SMEMBERS", GRAVES))
    processes, backups, graves = raise_first(await redis.send(commands))
    registered = {name for name, _ in read_pairs(processes)}
    return Sight(
        counters_in(processes),
        set(read_names({*backups} - {*graves} - registered)),
        set(read_names(graves)),
    )


async def read_grave(redis: Redis, identity: str) -> list[Held]:
    """Return the jobs that *identity* held, oldest first for each queue."""
    commands = (
        ("HGETALL", backup_key(identity)),
        ("HGET", calls_key(identity), _SUSPECT),
    )
    reply, suspected = raise_first(await persist(redis, commands))
    # A hand's work may have any name, and must be found again by it.
    held = [
        _held(
            field.decode(errors="surrogateescape"), raw, is_suspected=field == suspected
        )
        for field, raw in read_pairs(reply)
    ]
    return sorted(held, key=_age)


async def drain(
    redis: Redis,
    identity: str,
    moves: Sequence[Rescued],
    *,
    now: float,
    dead_limit: int,
    dead_timeout: float,
) -> bool:
    """Give back what `read_grave` found, oldest first; True once the grave is closed.

    For each queue, the oldest comes to the very front. May be repeated and may
    race with other rescuers: each job moves once. Without moves it just closes an
    empty grave. What a registered process holds is its own: then nothing is moved,
    and the answer is False.
    """
    limits = (repr(now), dead_limit, dead_timeout)
    answer = 0
    # The newest page first, so that each older one comes in front of it.
    for page in reversed(pages(moves) or [()]):
        answer = await persist_one(redis, _command(identity, limits, page))
    return answer == _CLOSED


def _command(
    identity: str, limits: tuple[Argument, ...], moves: Sequence[Rescued]
) -> Command:
    keys = Keys(
        PROCESSES,
        GRAVES,
        BACKUPS,
        backup_key(identity),
        calls_key(identity),
        QUEUES,
        DEAD,
    )
    args: list[Argument] = [identity, *limits]
    for move in moves:
        held = move.held
        args += (held.delivery_id.encode(errors="surrogateescape"), held.raw)
        if move.to_dead:
            args += ("", _PLACE_OF_DEAD, move.payload)
            args += _lock_args(keys, move.lock)
        else:
            place = keys.place_of(held.queue)
            args += (held.queue, place, move.payload)
            args += _NO_LOCK
    return DRAIN(keys.names, args)


_NO_LOCK: tuple[Argument, ...] = (0, "")


def _lock_args(keys: Keys, lock: Lock | None) -> tuple[Argument, ...]:
    return _NO_LOCK if lock is None else (keys.place_of_lock(lock.token), lock.owner)


def _held(delivery_id: str, raw: bytes, *, is_suspected: bool) -> Held:
    queue, newline, payload = raw.partition(b"\n")
    if not newline:
        return Held(delivery_id, "", raw, raw)
    name = queue.decode(errors="replace")
    return Held(delivery_id, name, payload, raw, is_suspected)


def _age(held: Held) -> tuple[tuple[int, str], ...]:
    # Numbers in their order; what is not a number, a hand's work, after them.
    parts = held.delivery_id.split(".")
    return tuple((int(p), "") if p.isdecimal() else (-1, p) for p in parts)
