"""Asking Redis for the time, so that all who ask agree."""

from kiq_trio._store.doubt import persist_one
from kiq_trio._store.replies import read_moment
from kiq_trio._wire.client import Redis


async def read_clock(redis: Redis) -> float:
    """Return what time it is by the clock of Redis, in epoch seconds."""
    return read_moment(await persist_one(redis, ("TIME",)))
