"""Looking at what is there, without touching it."""

from collections.abc import Sequence

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import PAUSED, PROCESSES, SHOWN, backup_key, queue_key
from kiq_trio._store.replies import read_names
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command


async def count_jobs(redis: Redis, queues: Sequence[str], identity: str = "") -> int:
    """Return how many jobs wait in *queues*, or are held by *identity*.

    Counted at one moment: a job on its way from one to the other is not missed. What
    waits in a queue that is paused does not count.
    """
    reads: list[Command] = [("LLEN", queue_key(name)) for name in queues]
    reads += [("HLEN", backup_key(identity)), ("SMEMBERS", PAUSED)]
    replies = await persist(redis, [("MULTI",), *reads, ("EXEC",)])
    *waiting, held, paused = raise_first(raise_first(replies)[-1])
    lengths = zip(queues, waiting, strict=True)
    count: int = held + sum(n for name, n in lengths if name.encode() not in paused)
    return count


async def count_shown(redis: Redis) -> int:
    """Return how many processes the Web UI lists, Ruby's included.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try.
    """
    return int(await redis.raw("SCARD", SHOWN))


async def read_strangers(redis: Redis, identity: str) -> list[str]:
    """Return the registered processes other than *identity*, Ruby's included."""
    ours = await persist_one(redis, ("HKEYS", PROCESSES))
    shown = await persist_one(redis, ("SMEMBERS", SHOWN))
    return sorted({*read_names([*ours, *shown])} - {identity})
