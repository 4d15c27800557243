"""Putting jobs into queues and into the schedule, each batch exactly once."""

from collections.abc import Sequence

import attrs

from kiq_trio._store.keys import QUEUES, SCHEDULE, flush_key, queue_key
from kiq_trio._store.scripts import ENQUEUE
from kiq_trio._store.scripts import SCHEDULE as SCHEDULE_SCRIPT
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Argument, Command

MOST_PAYLOADS = 1_000
"""How many jobs a batch may hold: Lua unpacks no more than a few thousand."""


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
) -> list[Exception | None]:
    """Store all *batches* in one round trip; one batch's error harms no other.

    None means that the batch is stored, now or by an earlier copy of this call.
    An error means that nothing of it was; the one that begins with `STALE` says
    that its lane has gone on without it. Within *marker_ttl* seconds of the lane's
    last batch, a repetition is recognised.

    Raises:
        redis.exceptions.ConnectionError: outcome unknown; send the same again.
        redis.exceptions.TimeoutError: likewise.
    """
    replies = await redis.send([_command(batch, marker_ttl) for batch in batches])
    return [reply if isinstance(reply, Exception) else None for reply in replies]


def _command(batch: Batch, marker_ttl: int) -> Command:
    marker = flush_key(batch.lane)
    if batch.queue is not None:
        keys = (marker, queue_key(batch.queue), QUEUES)
        return ENQUEUE(keys, (batch.number, marker_ttl, batch.queue, *batch.payloads))
    args: list[Argument] = [batch.number, marker_ttl]
    for score, payload in zip(batch.scores, batch.payloads, strict=True):
        args += (repr(score), payload)
    return SCHEDULE_SCRIPT((marker, SCHEDULE), args)
