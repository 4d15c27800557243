"""Putting jobs into queues and into the schedule, each batch exactly once."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from kiq_trio._store.keys import QUEUES, SCHEDULE, flush_key, queue_key, unique_key
from kiq_trio._store.scripts import ADMIT, ENQUEUE
from kiq_trio._store.scripts import SCHEDULE as SCHEDULE_SCRIPT
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Argument, Command
from kiq_trio.unique import Lock

MOST_PAYLOADS = 1_000
"""How many jobs a batch may hold: Lua unpacks no more than a few thousand."""


@attrs.frozen
class Duplicate:
    """A job was not stored: another one holds its lock."""

    of: str
    """That one's jid."""


@attrs.frozen
class Full:
    """A job was not stored: its queue holds as many as it may."""


Refusal: TypeAlias = Duplicate | Full
Refusals: TypeAlias = Mapping[str, Refusal]
"""What was not stored of a batch, by jid."""


@attrs.frozen
class Terms:
    """On what terms the jobs of a batch may go in.

    Without terms they go in whatever is there, and faster.

    Attributes:
        jids: the name of each; no two are the same.
        locks: the lock that each must get, if it needs one.
        max_size: how many jobs the queue may hold; 0 for any number.
    """

    jids: tuple[str, ...]
    locks: tuple[Lock | None, ...]
    max_size: int = 0


@attrs.frozen
class Batch:
    """Jobs on their way to one place, frozen once they were sent.

    A lane is one client's way to one place. It has one batch in flight, and each
    new batch has a higher number: so Redis can tell a repetition from a new batch.
    """

    lane: str
    number: int
    queue: str | None
    """The queue's name; None is the schedule."""
    payloads: tuple[bytes, ...]
    """The oldest first."""
    scores: tuple[float, ...] = ()
    """For the schedule: when each payload is due, in epoch seconds."""
    terms: Terms | None = None

    def __attrs_post_init__(self) -> None:
        if not 1 <= len(self.payloads) <= MOST_PAYLOADS:
            raise ValueError(
                f"payloads must be 1 to {MOST_PAYLOADS:,}, got {len(self.payloads):,}"
            )
        wanted = len(self.payloads) if self.queue is None else 0
        if len(self.scores) != wanted:
            raise ValueError(f"scores must be {wanted:,}, got {len(self.scores):,}")


async def enqueue(
    redis: Redis, batches: Sequence[Batch], *, marker_ttl: int = 86_400
) -> list[Exception | Refusals | None]:
    """Store all *batches* in one round trip; one batch's error harms no other.

    None means that the batch is stored, now or by an earlier copy of this call;
    refusals, that all of it is but these. An error means that nothing of it was; the
    one that begins with `STALE` says that its lane has gone on without it. Within
    *marker_ttl* seconds of the lane's last batch, a repetition is recognised, and is
    answered as the first time.

    Raises:
        redis.exceptions.ConnectionError: outcome unknown; send the same again.
        redis.exceptions.TimeoutError: likewise.
    """
    replies = await redis.send([enqueue_command(one, marker_ttl) for one in batches])
    return [read_verdict(reply) for reply in replies]


def enqueue_command(batch: Batch, marker_ttl: int) -> Command:
    """Return the command that stores *batch*, for a client of any make."""
    if batch.terms is not None:
        return _admit(batch, batch.terms, marker_ttl)
    marker = flush_key(batch.lane)
    if batch.queue is not None:
        keys = (marker, queue_key(batch.queue), QUEUES)
        return ENQUEUE(keys, (batch.number, marker_ttl, batch.queue, *batch.payloads))
    args: list[Argument] = [batch.number, marker_ttl]
    for score, payload in zip(batch.scores, batch.payloads, strict=True):
        args += (repr(score), payload)
    return SCHEDULE_SCRIPT((marker, SCHEDULE), args)


def read_verdict(reply: Any) -> Exception | Refusals | None:
    """Return what the reply to `enqueue_command` means, as `enqueue` tells it."""
    if isinstance(reply, Exception):
        return reply
    # The scripts for batches without terms answer with a number.
    if isinstance(reply, int) or not reply:
        return None
    return {
        jid.decode(): Duplicate(owner.decode(errors="replace")) if owner else Full()
        for jid, owner in zip(reply[::2], reply[1::2], strict=True)
    }


def _admit(batch: Batch, terms: Terms, marker_ttl: int) -> Command:
    place = SCHEDULE if batch.queue is None else queue_key(batch.queue)
    keys: list[Argument] = [flush_key(batch.lane), place, QUEUES]
    args: list[Argument] = [
        batch.number,
        marker_ttl,
        batch.queue or "",
        terms.max_size,
    ]
    scores = map(repr, batch.scores) if batch.queue is None else [""] * len(terms.jids)
    places: dict[str, int] = {}
    rows = zip(terms.jids, batch.payloads, scores, terms.locks, strict=True)
    for jid, payload, score, lock in rows:
        if lock is None:
            args += (jid, payload, score, 0, 0)
            continue
        if lock.token not in places:
            keys.append(unique_key(lock.token))
            places[lock.token] = len(keys)
        args += (jid, payload, score, places[lock.token], to_px(lock.seconds))
    return ADMIT(keys, args)


def to_px(seconds: float) -> int:
    """Return *seconds* as Redis wants a time to live: at least a millisecond."""
    return max(1, int(seconds * 1000))
