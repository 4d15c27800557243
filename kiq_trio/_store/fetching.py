"""Taking jobs from a queue into a process's backup."""

from typing import Any

import attrs

from kiq_trio._store.doubt import Sender, persist_one
from kiq_trio._store.keys import (
    PAUSED,
    PROCESSES,
    backup_key,
    calls_key,
    queue_key,
)
from kiq_trio._store.scripts import FETCH
from kiq_trio._wire.slot import Command
from kiq_trio.errors import FencedError, QueuePausedError

_FENCED = -1

MOST_JOBS = 1_000
"""How many jobs one call may take: Lua unpacks no more than a few thousand."""


@attrs.define
class Delivery:
    """A job that we hold, as it came out of the queue.

    Its id is ours, `<producer>.<call>.<n>`, and is never given twice: two entries
    with one jid, or with none, are still two deliveries.
    """

    id: str
    queue: str
    payload: bytes
    identity: str
    """Whose backup holds it: ours, but maybe under a name of the past."""

    @property
    def age(self) -> tuple[int, int]:
        """What sorts the deliveries of a producer, the oldest first."""
        _, call, place = self.id.rsplit(".", 2)
        return int(call), int(place)


async def fetch(
    redis: Sender, *, identity: str, producer: str, call: int, queue: str, limit: int
) -> list[Delivery]:
    """Take up to *limit* jobs, the oldest first, and hold them in our backup.

    The same call, repeated with the same arguments, gives the same jobs again; a
    call older than the last gives none. So whoever was cancelled in here must make
    the same call again before the next, or strand what it took. A producer serves
    one queue and has one call in flight.

    Raises:
        FencedError: *identity* is not registered, or no longer.
        QueuePausedError: somebody paused the queue; nothing was taken.
    """
    command = fetch_command(identity, producer, call, queue, limit)
    reply = await persist_one(redis, command)
    return read_deliveries(reply, identity, producer, call, queue)


def fetch_command(
    identity: str, producer: str, call: int, queue: str, limit: int
) -> Command:
    """Return the command that `fetch` sends."""
    if not 1 <= limit <= MOST_JOBS:
        raise ValueError(f"limit must be 1 to {MOST_JOBS:,}, got {limit:,}")
    keys = (
        PROCESSES,
        calls_key(identity),
        backup_key(identity),
        queue_key(queue),
        PAUSED,
    )
    return FETCH(keys, (identity, producer, call, limit, queue))


def read_deliveries(
    reply: Any, identity: str, producer: str, call: int, queue: str
) -> list[Delivery]:
    """Return what the reply to `fetch_command` holds, or raise as `fetch` does."""
    if isinstance(reply, int):
        raise FencedError(identity) if reply == _FENCED else QueuePausedError(queue)
    return [
        Delivery(f"{producer}.{call}.{n}", queue, payload, identity)
        for n, payload in enumerate(reply)
        if payload is not None
    ]
