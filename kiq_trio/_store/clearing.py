"""Emptying everything."""

from collections.abc import Callable

from kiq_trio._store.doubt import persist_one
from kiq_trio._store.keys import (
    BACKUPS,
    DEAD,
    QUEUES,
    RETRY,
    SCHEDULE,
    backup_key,
    queue_key,
)
from kiq_trio._store.locking import free_all
from kiq_trio._store.replies import read_names
from kiq_trio._wire.client import Redis


async def clear(redis: Redis, on_page: Callable[[int], None] = lambda _: None) -> None:
    """Throw away every job that waits, is scheduled, failed, died or is held.

    And every lock of unique jobs, page by page: *on_page* is told how many.

    For tests and for starting over: there is no way back, and a late copy of this
    call clears what came since. Processes stay registered; what they are running
    runs on, and finds its delivery gone when it is settled. The memory of past
    batches and calls stays too, so that no late copy brings a job back.
    """
    names = await persist_one(redis, ("SMEMBERS", QUEUES))
    identities = await persist_one(redis, ("SMEMBERS", BACKUPS))
    doomed = [
        *map(queue_key, read_names(names)),
        *map(backup_key, read_names(identities)),
    ]
    command = ("UNLINK", *doomed, QUEUES, SCHEDULE, RETRY, DEAD)
    await persist_one(redis, command)
    await free_all(redis, on_page)
