"""Waiting until a queue has work, without taking any."""

from kiq_trio._store.keys import queue_key
from kiq_trio._wire.client import Redis


async def wait_for_work(redis: Redis, queue: str, *, timeout: float) -> bool:
    """Block until *queue* holds a job, True, or *timeout* is over, False.

    Changes nothing: the front job is moved to where it is, so a late copy is
    harmless. Only for after a fetch that found nothing: a queue that is not empty,
    but paused, is answered at once.

    Raises:
        redis.exceptions.RedisError: no waiting possible for now (an outage, or
            memory is full): look at the queue from time to time instead.
    """
    key = queue_key(queue)
    command = ("BLMOVE", key, key, "RIGHT", "RIGHT", timeout)
    return await redis.block(command, timeout=timeout) is not None
