"""What people do to jobs by hand: run them again, kill them, delete them.

Sidekiq's UI means the same by these words (wire.md §2.6). Each deed takes jobs as
they were found, and leaves alone those that have gone on since.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple, TypeAlias

from kiq_trio._fields import WriteTime, to_ms
from kiq_trio._keeping import give_up
from kiq_trio._repush import repush
from kiq_trio._store.browsing import (
    SETS,
    Placed,
    count_placed,
    queue_of,
    read_page,
)
from kiq_trio._store.keys import DEAD, SCHEDULE
from kiq_trio._store.moving import Move, move
from kiq_trio._store.paging import PAGE, pages
from kiq_trio._store.removing import Removal, remove
from kiq_trio._wire.client import Redis
from kiq_trio.errors import DecodeError, EncodeError
from kiq_trio.job import Job

Deed: TypeAlias = Callable[[Sequence[Placed]], Awaitable[int]]


class Progress(NamedTuple):
    """How far something that is done to many jobs has come.

    Attributes:
        seen: how many of the jobs were looked at.
        done: to how many of these it was done; others had gone on, or are no jobs.
        total: how many there were when it began.
    """

    seen: int
    done: int
    total: int


OnPage: TypeAlias = Callable[[Progress], None]
"""Is told when something begins, and after each page of jobs."""


def ignore(_: Progress) -> None:
    """Tell nobody."""


async def run_again(
    redis: Redis,
    jobs: Sequence[Placed],
    *,
    now: float,
    write_time: WriteTime = to_ms,
    counts: bool = False,
) -> int:
    """Put scheduled, failed and dead jobs into their queues; return how many were.

    The attempt that follows is not counted as a retry, unless that is asked for, and
    nothing else of a job changes. What is no job stays where it is.

    Args:
        redis: where they are.
        jobs: as they were found.
        now: epoch seconds, for `enqueued_at`.
        write_time: how our Sidekiq writes times.
        counts: count the attempt as one of the retries, if the job has failed.
    """
    count = 0
    for source, some in _by_place(jobs):
        if source in SETS:
            written = write_time(now)
            moves = [_to_queue(one, written, counts=counts) for one in some]
            count += await move(redis, source, [one for one in moves if one])
    return count


async def kill(
    redis: Redis,
    jobs: Sequence[Placed],
    *,
    now: float,
    write_time: WriteTime = to_ms,
) -> int:
    """Move scheduled and failed jobs to the dead set; return how many were.

    They stay as they are, but for their locks, which are released. One that has never
    failed says that it did now, so that whatever is dead has that time. No callback
    hears of it: the program is not here.

    Args:
        redis: where they are.
        jobs: as they were found.
        now: epoch seconds, for `failed_at`.
        write_time: how our Sidekiq writes times.
    """
    count = 0
    for source, some in _by_place(jobs):
        if source in SETS and source != DEAD:
            written = write_time(now)
            moves = [_out(one, give_up(one.payload, written)) for one in some]
            count += await move(redis, source, moves)
    return count


async def delete(redis: Redis, jobs: Sequence[Placed]) -> int:
    """Delete jobs, wherever they were found, and their locks; return how many were."""
    count = 0
    for place, some in _by_place(jobs):
        queue = queue_of(place)
        if queue is None:
            count += await move(redis, place, [_out(one, None) for one in some])
        else:
            removals = [Removal(one.payload, *_lock(one.job)) for one in some]
            count += await remove(redis, queue, removals)
    return count


async def take_out(redis: Redis, jobs: Sequence[Placed]) -> int:
    """Take jobs out of sorted sets, for who has put them elsewhere; return how many.

    Their locks stay with them.
    """
    count = 0
    for place, some in _by_place(jobs):
        count += await move(redis, place, list(map(_away, some)))
    return count


def cannot_run(placed: Placed) -> bool:
    """Whether `run_again` leaves this where it is, because it is no job."""
    return _to_queue(placed, 0.0, counts=False) is None


async def tend_all(
    redis: Redis,
    place: str,
    deed: Deed,
    on_page: OnPage = ignore,
    *,
    stays: Callable[[Placed], bool] = lambda _: False,
) -> int:
    """Do *deed* to all jobs of *place*, page by page; return to how many.

    As many as there are when it begins: what comes back meanwhile, or comes anew,
    is not waited for. Cancelled half way, it has done whole pages.

    Args:
        redis: where.
        place: whose jobs.
        deed: takes a page, returns how many jobs of it were still there.
        on_page: told before the first page and after each how far it is.
        stays: whether *deed* leaves a job where it is.
    """
    total = await count_placed(redis, place)
    seen = done = stuck = 0
    on_page(Progress(seen, done, total))
    while seen < total:
        limit = min(PAGE, total - seen)
        page = await read_page(redis, place, skip=stuck, limit=limit)
        if not page:
            break
        done += await deed(page)
        seen += len(page)
        # What stays is in front of what we look at next.
        stuck += sum(map(stays, page))
        on_page(Progress(seen, done, total))
    return done


async def tend(jobs: Sequence[Placed], deed: Deed, on_page: OnPage = ignore) -> int:
    """Do *deed* to *jobs* as `tend_all` does; return to how many."""
    seen = done = 0
    on_page(Progress(seen, done, len(jobs)))
    for page in pages(jobs):
        done += await deed(page)
        seen += len(page)
        on_page(Progress(seen, done, len(jobs)))
    return done


def _by_place(jobs: Sequence[Placed]) -> Iterable[tuple[str, list[Placed]]]:
    # No job twice in one call of a script: it would be moved twice.
    unique = sorted(dict.fromkeys(jobs), key=lambda one: one.place)
    for place, some in groupby(unique, key=lambda one: one.place):
        yield place, list(some)


def _to_queue(placed: Placed, written: float, *, counts: bool) -> Move | None:
    job, score = placed.job, placed.score
    if job is None or score is None:
        return None
    count = job.rest.get("retry_count")
    counted: dict[str, int] = {}
    if type(count) is int and placed.place != SCHEDULE and not counts:
        counted["retry_count"] = count - 1
    try:
        again = repush(placed.payload, written, counted=counted)
    except (DecodeError, EncodeError):
        return None
    return Move(placed.payload, score, again.queue, again.payload)


def _away(placed: Placed) -> Move:
    assert placed.score is not None
    return Move(placed.payload, placed.score, None, None)


def _out(placed: Placed, payload: bytes | None) -> Move:
    assert placed.score is not None
    token, owner = _lock(placed.job)
    return Move(placed.payload, placed.score, None, payload, token, owner)


def _lock(job: Job | None) -> tuple[str | None, str]:
    if job is None or not job.jid:
        return None, ""
    return job.unique_token, job.jid
