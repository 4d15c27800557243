"""Listing the locks of unique jobs."""

import attrs

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import unique_key
from kiq_trio._store.paging import PAGE
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command

_FOR_EVER = -1


@attrs.frozen(kw_only=True)
class LockView:
    """A lock, when we looked.

    Attributes:
        token: what is locked.
        owner: the jid of the job that it belongs to.
        expires_in: after how many seconds it ends by itself; None is never.
    """

    token: str
    owner: str
    expires_in: float | None


async def read_locks(redis: Redis, *, limit: int) -> tuple[list[LockView], bool]:
    """Return *limit* locks at most, and whether there may be more.

    Every key of Redis is looked at for it, page by page.
    """
    prefix = unique_key("")
    found: dict[str, LockView] = {}
    cursor: bytes | int = 0
    while True:
        command = ("SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", 5 * PAGE)
        cursor, keys = await persist_one(redis, command)
        for lock in await _read(redis, [key.decode() for key in keys], len(prefix)):
            found[lock.token] = lock
        is_over = int(cursor) == 0
        if is_over or len(found) >= limit:
            locks = sorted(found.values(), key=lambda lock: lock.token)
            return locks[:limit], not is_over or len(locks) > limit


async def _read(redis: Redis, keys: list[str], prefix: int) -> list[LockView]:
    reads: list[Command] = []
    for key in keys:
        reads += (("GET", key), ("PTTL", key))
    replies = raise_first(await persist(redis, reads)) if reads else []
    return [
        LockView(
            token=key[prefix:],
            owner=owner.decode(errors="replace"),
            expires_in=None if ttl_ms == _FOR_EVER else ttl_ms / 1000,
        )
        for key, owner, ttl_ms in zip(keys, replies[::2], replies[1::2], strict=True)
        # Released since it was seen.
        if owner is not None
    ]
