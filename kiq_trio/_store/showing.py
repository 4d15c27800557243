"""Showing ourselves to Sidekiq's Web UI, and hearing what it asks of us."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from kiq_trio._store.doubt import find_error, persist, raise_first
from kiq_trio._store.keys import (
    SHOWN,
    old_work_key,
    signals_key,
    stat_key,
    work_key,
)
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Argument, Command

_SHOWN_FOR = 60
_STATS_FOR = 5 * 365 * 86_400


@attrs.frozen(kw_only=True)
class Heartbeat:
    """What a process shows of itself, in Sidekiq's words and units."""

    identity: str
    info: bytes
    """JSON, prepared by the caller: host, pid, queues and so on."""
    concurrency: int
    busy: int
    beat: float
    """Now, in epoch seconds."""
    rtt_us: int
    rss: int
    """Memory in KiB."""
    quiet: bool
    work: Mapping[str, bytes]
    """Running jobs: any unique text to JSON, prepared by the caller."""
    day: str
    """The day of UTC to count jobs for: `2026-11-22`."""
    processed: int = 0
    """How many jobs ran since the last heartbeat, failed ones included."""
    failed: int = 0
    sidekiq: int = 8
    """The version whose UI looks at it: up to 6.4.1, running jobs are elsewhere."""


@attrs.frozen(kw_only=True)
class Answer:
    """What Redis answered to a heartbeat.

    Attributes:
        signals: what the UI's buttons ask for, one at most: it has left Redis.
        uncounted: how many jobs, and failed ones of them, no counter has taken.
        error: what was refused, if anything. All else is shown.
    """

    signals: list[str]
    uncounted: tuple[int, int]
    error: Exception | None


async def show(redis: Redis, heartbeat: Heartbeat) -> Answer:
    """Show *heartbeat* for a minute, and look for a signal.

    Not to be repeated, or its counts would be added twice; only what is answered to
    be uncounted may be told again. It is only display, nothing depends on it.

    Raises:
        redis.exceptions.RedisError: no answer. It may be shown or not.
    """
    commands = [*_stats(heartbeat), *_work(heartbeat), *_process(heartbeat)]
    *replies, signal = await redis.send(
        [*commands, ("RPOP", signals_key(heartbeat.identity))]
    )
    in_transactions = [part for reply in replies for part in _parts(reply)]
    return Answer(
        signals=[signal.decode(errors="replace")] if isinstance(signal, bytes) else [],
        uncounted=_find_uncounted(heartbeat, iter(replies)),
        error=find_error([*replies, *in_transactions, signal]),
    )


def _find_uncounted(heartbeat: Heartbeat, replies: Iterator[Any]) -> tuple[int, int]:
    """Return what `_stats` has told to no counter, by the first of *replies*.

    One counter that refuses for ever must not make the one beside it grow for ever,
    so what has got to either of them is told.
    """
    uncounted: list[int] = []
    for count in (heartbeat.processed, heartbeat.failed):
        in_all, of_day, _ = [next(replies) for _ in range(3)] if count else (0, 0, 0)
        is_refused = isinstance(in_all, Exception) and isinstance(of_day, Exception)
        uncounted.append(count if is_refused else 0)
    processed, failed = uncounted
    return processed, failed


def _parts(reply: Any) -> list[Any]:
    # What EXEC answers is a list, in which an error is one answer among others.
    return reply if isinstance(reply, list) else []


async def hide(redis: Redis, identity: str) -> None:
    """Vanish from the Web UI at once, instead of within a minute."""
    commands: list[Command] = [
        ("SREM", SHOWN, identity),
        ("UNLINK", work_key(identity), old_work_key(identity), identity),
    ]
    raise_first(await persist(redis, commands))


def _stats(heartbeat: Heartbeat) -> list[Command]:
    counts = {"processed": heartbeat.processed, "failed": heartbeat.failed}
    commands: list[Command] = []
    for name, count in counts.items():
        if count:
            of_day = stat_key(name, heartbeat.day)
            commands += (
                ("INCRBY", stat_key(name), count),
                ("INCRBY", of_day, count),
                ("EXPIRE", of_day, _STATS_FOR),
            )
    return commands


def _work(heartbeat: Heartbeat) -> list[Command]:
    keys = [work_key(heartbeat.identity)]
    if heartbeat.sidekiq < 7:
        # Which of both is read depends on the minor version.
        keys.append(old_work_key(heartbeat.identity))
    fields: list[Argument] = []
    for thread, payload in heartbeat.work.items():
        fields += (thread, payload)
    commands: list[Command] = [("MULTI",), ("UNLINK", *keys)]
    if fields:
        for key in keys:
            commands += (("HSET", key, *fields), ("EXPIRE", key, _SHOWN_FOR))
    return [*commands, ("EXEC",)]


def _process(heartbeat: Heartbeat) -> list[Command]:
    fields: dict[str, Argument] = {
        "info": heartbeat.info,
        "concurrency": heartbeat.concurrency,
        "busy": heartbeat.busy,
        "beat": repr(heartbeat.beat),
        "rtt_us": heartbeat.rtt_us,
        "rss": heartbeat.rss,
        "quiet": "true" if heartbeat.quiet else "false",
    }
    flat = [part for pair in fields.items() for part in pair]
    return [
        ("MULTI",),
        ("SADD", SHOWN, heartbeat.identity),
        ("HSET", heartbeat.identity, *flat),
        ("EXPIRE", heartbeat.identity, _SHOWN_FOR),
        ("EXEC",),
    ]
