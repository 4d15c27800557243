"""Counting what there is: jobs, queues, processes."""

from collections.abc import Sequence
from typing import Any

import attrs

from kiq_trio._store.browsing import Placed, place_of_queue
from kiq_trio._store.doubt import persist, raise_first, without_errors
from kiq_trio._store.keys import (
    BACKUPS,
    DEAD,
    GRAVES,
    PAUSED,
    PROCESSES,
    QUEUES,
    RETRY,
    SCHEDULE,
    SHOWN,
    backup_key,
    queue_key,
    stat_key,
)
from kiq_trio._store.replies import read_moment, read_number
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command


@attrs.frozen(kw_only=True)
class QueueSummary:
    """A queue, when we looked.

    Attributes:
        name: without Sidekiq's prefix.
        size: how many jobs wait.
        latency: for how many seconds the oldest of them has.
        is_paused: nothing is taken from it.
    """

    name: str
    size: int
    latency: float
    is_paused: bool


@attrs.frozen(kw_only=True)
class Totals:
    """What Sidekiq's dashboard counts, and what we count besides.

    Attributes:
        processed: how many jobs ran so far, failed ones included (wire.md §3).
        failed: how many of them failed.
        enqueued: how many wait, in all queues.
        scheduled_size: how many are for later.
        retry_size: how many wait for their next attempt.
        dead_size: how many were given up.
        workers_size: how many run, as the processes show it.
        processes_size: how many processes are shown, Ruby's included.
        held: how many are in the backups of our processes, the dead ones' too.
        graves: how many processes of ours died, and hold jobs still.
        queue_summaries: all queues, by name.
    """

    processed: int
    failed: int
    enqueued: int
    scheduled_size: int
    retry_size: int
    dead_size: int
    workers_size: int
    processes_size: int
    held: int
    graves: int
    queue_summaries: tuple[QueueSummary, ...]

    @property
    def latency(self) -> float:
        """For how many seconds the job has waited that waits longest."""
        return max((one.latency for one in self.queue_summaries), default=0.0)


async def read_queues(redis: Redis) -> list[QueueSummary]:
    """Return all queues by name, those that are only paused too.

    Waiting is counted by the clock of Redis, from the time that the job says.
    """
    reads: list[Command] = [("SMEMBERS", QUEUES), ("SMEMBERS", PAUSED)]
    listed, paused = raise_first(await persist(redis, reads))
    names = sorted(_texts(listed) | _texts(paused))
    reads = [("TIME",)]
    for name in names:
        reads += (("LLEN", queue_key(name)), ("LINDEX", queue_key(name), -1))
    moment, *replies = raise_first(await persist(redis, reads))
    now = read_moment(moment)
    return [
        QueueSummary(
            name=name,
            size=size,
            latency=_waited(name, oldest, now),
            is_paused=name in _texts(paused),
        )
        for name, size, oldest in zip(names, replies[::2], replies[1::2], strict=True)
    ]


async def read_latency(redis: Redis, queue: str) -> float:
    """Return for how many seconds the job has waited that is fetched next."""
    reads: list[Command] = [("TIME",), ("LINDEX", queue_key(queue), -1)]
    moment, oldest = raise_first(await persist(redis, reads))
    return _waited(queue, oldest, read_moment(moment))


async def read_totals(redis: Redis) -> Totals:
    """Return how much of everything there is, at nearly one moment."""
    reads: list[Command] = [
        ("GET", stat_key("processed")),
        ("GET", stat_key("failed")),
        ("ZCARD", SCHEDULE),
        ("ZCARD", RETRY),
        ("ZCARD", DEAD),
        ("SCARD", GRAVES),
        ("SMEMBERS", SHOWN),
        ("SMEMBERS", BACKUPS),
        ("HKEYS", PROCESSES),
    ]
    *counts, shown, backups, registered = raise_first(await persist(redis, reads))
    processed, failed, scheduled, retry, dead, graves = map(read_number, counts)
    shown, backups = sorted(_texts(shown)), sorted(_texts(backups))
    busy = await _read_numbers(redis, [("HGET", one, "busy") for one in shown])
    held = await _read_numbers(redis, [("HLEN", backup_key(one)) for one in backups])
    queues = await read_queues(redis)
    return Totals(
        processed=processed,
        failed=failed,
        enqueued=sum(queue.size for queue in queues),
        scheduled_size=scheduled,
        retry_size=retry,
        dead_size=dead,
        workers_size=sum(busy),
        processes_size=len({*shown} | _texts(registered)),
        held=sum(held),
        graves=graves,
        queue_summaries=tuple(queues),
    )


async def _read_numbers(redis: Redis, reads: Sequence[Command]) -> list[int]:
    replies = await persist(redis, reads) if reads else []
    return [read_number(reply) for reply in without_errors(replies, 0)]


def _texts(replies: Any) -> set[str]:
    return {reply.decode(errors="replace") for reply in replies}


def _waited(queue: str, oldest: bytes | None, now: float) -> float:
    if oldest is None:
        return 0.0
    job = Placed(place_of_queue(queue), oldest).job
    since = None if job is None else job.enqueued_at or job.created_at
    return 0.0 if since is None else max(now - since, 0.0)
