"""Moving the jobs we hold to their next place."""

import enum
from collections.abc import Sequence
from typing import TypeAlias

import attrs

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.enqueueing import to_px
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.keys import DEAD, QUEUES, RETRY, SCHEDULE, backup_key
from kiq_trio._store.paging import Keys, pages
from kiq_trio._store.scripts import SETTLE
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Argument, Command
from kiq_trio.unique import Lock


@attrs.define
class Ack:
    """The job is done with: it is held no longer, and goes nowhere."""

    lock: Lock | None = None
    """What it gives back, if it is unique."""


@attrs.define
class Retry:
    """The job failed: it goes to the retry set, as *payload*."""

    at: float
    payload: bytes
    lock: Lock | None = None
    """What it keeps, for so long."""


@attrs.define
class Later:
    """The job was put off: it goes to the schedule, as *payload*; it did not fail."""

    at: float
    payload: bytes
    lock: Lock | None = None
    """What it keeps, for so long."""


@attrs.define
class Kill:
    """The job is given up: it goes to the dead set, as *payload*."""

    at: float
    payload: bytes
    lock: Lock | None = None
    """What it gives back, if it is unique."""


@attrs.define
class Requeue:
    """The job was interrupted: it goes back to the front of its queue, unchanged.

    Its lock stays as it is.
    """


Settlement: TypeAlias = Ack | Retry | Kill | Later | Requeue


class Settled(enum.Enum):
    """What became of a settlement."""

    MOVED = 1
    GONE = 0
    """No longer ours: others run it, or an earlier copy of this call moved it."""
    CLASH = -1
    """Still ours: the set holds the very same payload. Make it differ, and settle
    again."""


_Item: TypeAlias = tuple[int, Delivery, Settlement]


async def settle(
    redis: Redis,
    identity: str,
    settlements: Sequence[tuple[Delivery, Settlement]],
    *,
    dead_limit: int,
    dead_timeout: float,
) -> list[Settled]:
    """Move all deliveries in one round trip; the batch is given oldest first.

    May be repeated: what is not in our backup is left alone. The dead set keeps
    its newest *dead_limit* jobs, and none older than *dead_timeout* seconds.

    Successes without a lock are one `HDEL`, which tells only how many were ours. If
    none was, they are GONE; if some were, all are told MOVED.

    Raises:
        redis.exceptions.ResponseError: Redis refuses; what was refused is still
            in our backup.
    """
    backup = backup_key(identity)
    acked, moving = _sort(settlements)
    commands: list[Command] = []
    if acked:
        commands.append(("HDEL", backup, *(settlements[n][0].id for n in acked)))
    # The newest page first, so that the oldest of what is requeued ends in front.
    batches = pages(moving)[::-1]
    limits = (dead_limit, dead_timeout)
    commands += [_settle_command(backup, limits, batch) for batch in batches]
    replies = raise_first(await persist(redis, commands))

    settled = [Settled.MOVED] * len(settlements)
    if acked and replies.pop(0) == 0:
        for n in acked:
            settled[n] = Settled.GONE
    for batch, answers in zip(batches, replies, strict=True):
        for (n, _, _), answer in zip(batch, answers, strict=True):
            settled[n] = Settled(answer)
    return settled


async def acknowledge(redis: Redis, identity: str, ids: Sequence[str]) -> list[Settled]:
    """Drop deliveries that are done with: what `settle` does for successes alone.

    Args:
        redis: where.
        identity: who holds them.
        ids: those of the deliveries.

    Raises:
        redis.exceptions.ResponseError: Redis refuses, and we hold them still.
    """
    found = await persist_one(redis, ack_command(identity, ids))
    return [Settled.MOVED if found else Settled.GONE] * len(ids)


def ack_command(identity: str, ids: Sequence[str]) -> Command:
    """Return the command that `acknowledge` sends; it answers how many were ours."""
    return ("HDEL", backup_key(identity), *ids)


def _sort(
    settlements: Sequence[tuple[Delivery, Settlement]],
) -> tuple[list[int], list[_Item]]:
    acked: list[int] = []
    moving: list[_Item] = []
    for n, (delivery, settlement) in enumerate(settlements):
        if isinstance(settlement, Ack) and settlement.lock is None:
            acked.append(n)
        else:
            moving.append((n, delivery, settlement))
    return acked, moving


def _settle_command(
    backup: str, limits: tuple[int, float], batch: Sequence[_Item]
) -> Command:
    keys = Keys(backup, RETRY, DEAD, QUEUES, SCHEDULE)
    args: list[Argument] = [*limits]
    for _, delivery, settlement in batch:
        args.append(delivery.id)
        match settlement:
            case Ack(lock):
                args += ("ack", "", "", *_lock_args(keys, lock, is_kept=False))
            case Retry(at, payload, lock):
                args += ("retry", repr(at), payload)
                args += _lock_args(keys, lock, is_kept=True)
            case Later(at, payload, lock):
                args += ("later", repr(at), payload)
                args += _lock_args(keys, lock, is_kept=True)
            case Kill(at, payload, lock):
                args += ("kill", repr(at), payload)
                args += _lock_args(keys, lock, is_kept=False)
            case Requeue():
                place = keys.place_of(delivery.queue)
                args += ("requeue", delivery.queue, place, *_NO_LOCK)
    return SETTLE(keys.names, args)


_NO_LOCK: tuple[Argument, ...] = (0, "", 0)


def _lock_args(keys: Keys, lock: Lock | None, *, is_kept: bool) -> tuple[Argument, ...]:
    if lock is None:
        return _NO_LOCK
    needed = to_px(lock.seconds) if is_kept else 0
    return (keys.place_of_lock(lock.token), lock.owner, needed)
