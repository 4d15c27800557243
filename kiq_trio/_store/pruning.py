"""Taking processes off Sidekiq's list that have vanished without a word.

Whoever is listed slows the schedulers of all others down (wire.md §4.4, §9.4).
"""

from typing import Any

from kiq_trio._store.doubt import is_of_wrong_type
from kiq_trio._store.keys import PRUNED, SHOWN
from kiq_trio._wire.client import Redis

_ONCE_IN = 60


async def prune(redis: Redis) -> int:
    """Take off the list whoever has no hash any more; return how many were.

    Once a minute in a whole cluster, Ruby's processes included. One that comes back
    lists itself again with its next beat. A name of something else is no process; one
    that Redis does not let us look at may be.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try: there will be
            another minute.
    """
    if not await redis.raw("SET", PRUNED, 1, "NX", "EX", _ONCE_IN):
        return 0
    names: list[bytes] = sorted(await redis.raw("SMEMBERS", SHOWN))
    if not names:
        return 0
    infos = await redis.send([("HGET", one, "info") for one in names])
    gone = [one for one, info in zip(names, infos, strict=True) if _is_gone(info)]
    return int(await redis.raw("SREM", SHOWN, *gone)) if gone else 0


def _is_gone(info: Any) -> bool:
    return info is None or is_of_wrong_type(info)
