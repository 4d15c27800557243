"""Showing ourselves to Sidekiq's Web UI, and hearing what it asks of us."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import attrs
import trio

from kiq_trio._store.doubt import find_error, persist, raise_first
from kiq_trio._store.keys import (
    SHOWN,
    old_work_key,
    signals_key,
    stat_key,
    work_key,
)
from kiq_trio._store.paging import PAGE
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
    work: Iterable[tuple[str, bytes]]
    """Running jobs: any unique text and JSON, prepared by the caller when asked for."""
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
        rtt: how many seconds it took to answer.
    """

    signals: list[str]
    uncounted: tuple[int, int]
    error: Exception | None
    rtt: float = attrs.field(default=0.0, eq=False)


async def show(redis: Redis, heartbeat: Heartbeat) -> Answer:
    """Show *heartbeat* for a minute, and look for a signal.

    Not to be repeated, or its counts would be added twice; only what is answered to
    be uncounted may be told again. It is only display, nothing depends on it.

    Thousands of running jobs go page by page before the rest, and others run in
    between; until the last page has come, a reader finds a part of them.

    Raises:
        redis.exceptions.RedisError: no answer. It may be shown or not.
    """
    refused: Exception | None = None
    pages = _work(heartbeat)
    work = next(pages)
    for page in pages:
        answers = await redis.send(work)
        refused = refused or find_error(_flatten(answers))
        work = page
    commands = [*_stats(heartbeat), *work, *_process(heartbeat)]
    asked_at = trio.current_time()
    *replies, signal = await redis.send(
        [*commands, ("RPOP", signals_key(heartbeat.identity))]
    )
    return Answer(
        signals=[signal.decode(errors="replace")] if isinstance(signal, bytes) else [],
        uncounted=_find_uncounted(heartbeat, iter(replies)),
        error=refused or find_error([*_flatten(replies), signal]),
        rtt=trio.current_time() - asked_at,
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


def _flatten(replies: list[Any]) -> list[Any]:
    """Return *replies* and what is in them.

    What EXEC answers is a list, in which an error is one answer among others.
    """
    parts = [part for one in replies if isinstance(one, list) for part in one]
    return [*replies, *parts]


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


def _work(heartbeat: Heartbeat) -> Iterator[list[Command]]:
    """Go through the transactions that show what runs; there is always one."""
    keys = [work_key(heartbeat.identity)]
    if heartbeat.sidekiq < 7:
        # Which of both is read depends on the minor version.
        keys.append(old_work_key(heartbeat.identity))
    runs = iter(heartbeat.work)
    page = list(islice(runs, PAGE))
    yield [("MULTI",), ("UNLINK", *keys), *_put(keys, page), ("EXEC",)]
    while page := list(islice(runs, PAGE)):
        yield [("MULTI",), *_put(keys, page), ("EXEC",)]


def _put(keys: list[str], page: list[tuple[str, bytes]]) -> list[Command]:
    if not page:
        return []
    fields: list[Argument] = [part for run in page for part in run]
    commands: list[Command] = []
    for key in keys:
        commands += (("HSET", key, *fields), ("EXPIRE", key, _SHOWN_FOR))
    return commands


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
