"""Pausing queues for all processes, as Sidekiq Pro does."""

from kiq_trio._store.doubt import persist_one
from kiq_trio._store.keys import PAUSED
from kiq_trio._wire.client import Redis


async def read_paused(redis: Redis) -> list[str]:
    """Return the names of the queues from which nothing is taken."""
    names = await persist_one(redis, ("SMEMBERS", PAUSED))
    return sorted(name.decode(errors="replace") for name in names)


async def pause(redis: Redis, queue: str) -> bool:
    """Have nothing taken from *queue* any more; False if that was so already."""
    return bool(await persist_one(redis, ("SADD", PAUSED, queue)))


async def resume(redis: Redis, queue: str) -> bool:
    """Have jobs taken from *queue* again; False if they were all the time."""
    return bool(await persist_one(redis, ("SREM", PAUSED, queue)))
