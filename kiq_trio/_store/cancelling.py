"""Cancelling a job wherever it is: those who may run it are told, then it is deleted.

In this order, so that a job which starts in between is known to be cancelled. And we
look for it before, as whoever is told may be done with it before we look.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

from kiq_trio._store.browsing import Placed, place_of_queue
from kiq_trio._store.doubt import persist_one
from kiq_trio._store.finding import Wanted, find
from kiq_trio._store.iterating import (
    cancel_iteration,
    has_strangers,
    read_iteration,
)
from kiq_trio._store.keys import BACKUPS, QUEUES, RETRY, SCHEDULE, backup_key
from kiq_trio._store.ordering import Order, give
from kiq_trio._store.paging import PAGE
from kiq_trio._store.replies import read_names, read_pairs
from kiq_trio._store.tending import delete
from kiq_trio._wire.client import Redis
from kiq_trio.errors import DecodeError
from kiq_trio.job import Job

CANCEL = "cancel"

Whereabouts: TypeAlias = Literal["waiting", "running", "unknown"]
"""Where a cancelled job was found."""


async def cancel(
    redis: Redis,
    jid: str,
    *,
    reason: str,
    now: float,
    is_meant: Callable[[Job], bool],
) -> Whereabouts:
    """Have the job *jid* not run, or stop; return where it was.

    May be repeated. One that waits, is scheduled or is to be retried is deleted, and
    its lock released. One that a process holds is left to that process.

    Args:
        redis: where to look.
        jid: the name of the job.
        reason: why, for people.
        now: epoch seconds.
        is_meant: whether a job of that name is old enough to be the one.
    """
    # From a run it may go back to where it waits, and from there only to a run: who
    # looks in this order misses it only if it comes all the way round meanwhile.
    was_held = await _is_held(redis, jid, is_meant)
    waiting = await _find_waiting(redis, jid, is_meant)
    was_held = was_held or await _is_held(redis, jid, is_meant)
    await give(redis, Order(kind=CANCEL, subject=jid, reason=reason, at=now))
    is_iterated = await read_iteration(redis, jid) is not None
    if is_iterated:
        await cancel_iteration(redis, jid, now=now)
    if await delete(redis, waiting):
        return "waiting"
    # Between two places we may have missed it, and from its run it may have gone to
    # the retry set before its process was told.
    if await delete(redis, await _find_waiting(redis, jid, is_meant)):
        return "waiting"
    if waiting or was_held or await _is_held(redis, jid, is_meant):
        return "running"
    if is_iterated:
        return "running"
    if await has_strangers(redis):
        # What Ruby's processes run is not in Redis. An iterable job looks there.
        await cancel_iteration(redis, jid, now=now)
    return "unknown"


async def _find_waiting(
    redis: Redis, jid: str, is_meant: Callable[[Job], bool]
) -> list[Placed]:
    names = await persist_one(redis, ("SMEMBERS", QUEUES))
    queues = sorted(map(place_of_queue, read_names(names)))
    found = await find(redis, [SCHEDULE, RETRY, *queues], Wanted(jid=jid))
    return [one for one in found if one.job is not None and is_meant(one.job)]


async def _is_held(redis: Redis, jid: str, is_meant: Callable[[Job], bool]) -> bool:
    """Whether any process, dead or alive, holds the job."""
    identities = read_names(await persist_one(redis, ("SMEMBERS", BACKUPS)))
    for key in sorted(map(backup_key, identities)):
        cursor = b"0"
        while True:
            command = ("HSCAN", key, cursor, "COUNT", PAGE)
            cursor, reply = await persist_one(redis, command)
            for _, raw in read_pairs(reply):
                job = _job_in(raw)
                if job is not None and job.jid == jid and is_meant(job):
                    return True
            if int(cursor) == 0:
                break
    return False


def _job_in(raw: bytes) -> Job | None:
    """Return the job that a backup holds as its queue, a newline and its payload."""
    try:
        return Job.decode(raw.partition(b"\n")[2])
    except DecodeError:
        return None
