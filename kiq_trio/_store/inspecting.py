"""Looking at what is there, without touching it."""

from kiq_trio._store.doubt import persist_one
from kiq_trio._store.keys import PROCESSES, SHOWN, backup_key
from kiq_trio._wire.client import Redis


async def count_held(redis: Redis, identity: str) -> int:
    """Return how many jobs *identity* holds."""
    return int(await persist_one(redis, ("HLEN", backup_key(identity))))


async def read_strangers(redis: Redis, identity: str) -> list[str]:
    """Return the registered processes other than *identity*, Ruby's included."""
    ours = await persist_one(redis, ("HKEYS", PROCESSES))
    shown = await persist_one(redis, ("SMEMBERS", SHOWN))
    return sorted({one.decode() for one in {*ours, *shown}} - {identity})
