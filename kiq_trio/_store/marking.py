"""Marking deploys in the charts of Sidekiq's UI (wire.md §5.5)."""

from datetime import UTC, datetime

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import deploy_lock_key, marks_key
from kiq_trio._wire.client import Redis

_LOCKED_FOR = 60
_KEPT_FOR = 90 * 86_400


async def mark_deploy(redis: Redis, label: str, *, at: float) -> bool:
    """Mark *label* in the minute of *at*; return whether that minute has it now.

    Many processes of one deploy may ask: within a minute, one label is marked once.
    A minute has one mark, the first. May be repeated.
    """
    moment = datetime.fromtimestamp(at, UTC).replace(second=0, microsecond=0)
    stamp = moment.strftime("%Y-%m-%dT%H:%M:00Z")
    lock, marks = deploy_lock_key(label), marks_key(moment)
    reply = await persist(
        redis, [("SET", lock, stamp, "NX", "EX", _LOCKED_FOR), ("GET", lock)]
    )
    # Set by us, by a first try of ours, or by another process in this minute: the
    # mark is the same.
    if raise_first(reply)[1] != stamp.encode():
        return False
    await persist_one(redis, ("HSETNX", marks, stamp, label))
    await persist_one(redis, ("EXPIRE", marks, _KEPT_FOR))
    found: bytes | None = await persist_one(redis, ("HGET", marks, stamp))
    return found == label.encode()
