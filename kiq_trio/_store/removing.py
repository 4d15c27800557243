"""Deleting what waits in queues, and queues."""

from collections.abc import Sequence

import attrs

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import QUEUES, queue_key
from kiq_trio._store.paging import Keys, pages
from kiq_trio._store.scripts import DELETE_QUEUE, REMOVE
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Argument, Command

_PAGE = 50
"""Each job is searched for from the queue's end on, which takes its time."""


@attrs.frozen
class Removal:
    """A job that waits in a queue, and is to be deleted."""

    payload: bytes
    token: str | None = None
    """The lock to release, if *owner* is still its owner."""
    owner: str = ""


async def remove(redis: Redis, queue: str, removals: Sequence[Removal]) -> int:
    """Delete what still waits in *queue*; return how many were.

    May race with anybody: what was fetched meanwhile runs, and keeps its lock. May
    be repeated, though of equal payloads, which are one job if they have a jid, a
    repetition may delete a second.
    """
    commands = [_command(queue, page) for page in pages(removals, _PAGE)]
    return sum(raise_first(await persist(redis, commands))) if commands else 0


async def delete_queue(redis: Redis, queue: str) -> bool:
    """Forget the name of an empty queue; False if it holds jobs.

    It is known again as soon as a job comes. If it was paused, it still is.
    """
    command = DELETE_QUEUE((queue_key(queue), QUEUES), (queue,))
    return bool(await persist_one(redis, command))


def _command(queue: str, removals: Sequence[Removal]) -> Command:
    keys = Keys(queue_key(queue))
    args: list[Argument] = []
    for one in removals:
        args += (one.payload, keys.place_of_lock(one.token), one.owner)
    return REMOVE(keys.names, args)
