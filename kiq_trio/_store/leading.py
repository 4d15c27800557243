"""Taking, keeping and giving up the lead of a cluster: a hint that saves work."""

from typing import NamedTuple

from kiq_trio._store.doubt import persist, persist_one
from kiq_trio._store.keys import DEAR_LEADER, LEADER, TERM
from kiq_trio._store.scripts import BADGE, LEAD, RELEASE, RESIGN
from kiq_trio._wire.client import Redis


class Lead(NamedTuple):
    """Who leads, by what Redis says."""

    holder: str
    term: int
    """Grows whenever the lead changes hands, so a later leader has a greater one."""


async def lead(redis: Redis, identity: str, *, ttl: float, known: int = 0) -> Lead:
    """Take the lead if it is free, keep it if it is ours; return who has it.

    Args:
        redis: where the lead is.
        identity: our name there.
        ttl: seconds until somebody else may take it, if we do not come again.
        known: the highest term we have heard of.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try: whether we came
            in time is for the caller to judge.
    """
    keys, args = (LEADER, TERM), (identity, int(ttl * 1000), known)
    holder, term = await redis.raw(*LEAD(keys, args))
    return Lead(holder.decode(errors="replace"), term)


async def read_leader(redis: Redis) -> str | None:
    """Return who leads, by what Redis says; None if nobody does."""
    holder = await persist_one(redis, ("GET", LEADER))
    return None if holder is None else holder.decode(errors="replace")


async def read_shown_leader(redis: Redis) -> str | None:
    """Return who leads, by what Sidekiq's UI shows: Enterprise's, or ours if told to.

    What is no name there is nobody.
    """
    (reply,) = await persist(redis, [("GET", DEAR_LEADER)])
    return reply.decode(errors="replace") if isinstance(reply, bytes) else None


async def resign(redis: Redis, identity: str, term: int) -> bool:
    """Give up the lead that *identity* has under *term*; False if it has none."""
    return bool(await persist_one(redis, RESIGN((LEADER, TERM), (identity, term))))


async def show_leader(redis: Redis, identity: str, *, ttl: float) -> bool:
    """Show in Sidekiq's UI that *identity* leads, unless it shows somebody else.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try.
    """
    return bool(await redis.raw(*BADGE((DEAR_LEADER,), (identity, int(ttl * 1000)))))


async def hide_leader(redis: Redis, identity: str) -> bool:
    """Show no longer that *identity* leads; False if it was not shown."""
    return bool(await persist_one(redis, RELEASE((DEAR_LEADER,), (identity,))))
