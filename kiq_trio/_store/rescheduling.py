"""Giving a job that is scheduled, failed or dead another time."""

from kiq_trio._store.browsing import Placed
from kiq_trio._store.doubt import persist_one
from kiq_trio._store.scripts import RESCHEDULE
from kiq_trio._wire.client import Redis


async def reschedule(redis: Redis, placed: Placed, at: float) -> bool:
    """Have a job of a sorted set start at *at*; False if it has gone on since.

    Its payload stays as it is. May be repeated, and may race with anybody.
    """
    if placed.score is None:
        return False
    args = (placed.payload, repr(placed.score), repr(at))
    return bool(await persist_one(redis, RESCHEDULE((placed.place,), args)))
