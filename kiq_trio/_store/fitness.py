"""Whether a server can be trusted with jobs."""

import logging

from kiq_trio._store.doubt import persist_one
from kiq_trio._wire.client import Redis
from kiq_trio._wire.handshake import read_info
from kiq_trio.errors import ServerUnfitError

logger = logging.getLogger("kiq_trio.redis")


async def check_fitness(redis: Redis) -> None:
    """Refuse a server that throws jobs away; mention one that forgets them.

    Everything is read from `INFO`, since `CONFIG` may be forbidden to us.

    Raises:
        ServerUnfitError: it evicts keys when its memory is full, or is a cluster.
    """
    reply: bytes = await persist_one(redis, ("INFO",))
    info = read_info(reply.decode())
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise ServerUnfitError(
            f"maxmemory-policy is {policy!r}: when its memory is full, this Redis "
            "deletes queues. Set it to 'noeviction'"
        )
    if info.get("cluster_enabled") == "1":
        raise ServerUnfitError(
            "this is a Redis Cluster, which cannot hold Sidekiq's keys: they belong "
            "together, and it spreads them"
        )
    if info.get("aof_enabled") == "0":
        logger.info(
            "appendonly is off: jobs enqueued since its last snapshot are lost if "
            "Redis is killed"
        )
