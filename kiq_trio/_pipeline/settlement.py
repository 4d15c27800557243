"""Decides where a job goes after its run: pure, no I/O, no clock, no chance.

A failed job walks like this (wire.md §2.5):

    retry is False          -> done with; nobody wants it back
    retries left            -> the retry set, count⁴ + 15 s and some chance later,
                               or when its worker's `retry_in` says
    retries used up         -> the dead set, unless `dead` is False

Retries are used up by their number, or with `retry_for` by the time since the first
failure. A worker may say so earlier, by KILL; DISCARD keeps a job out of every set.
"""

import enum
import traceback
from collections.abc import Callable
from typing import Any, TypeAlias, assert_never

import attrs

from kiq_trio._faults import LONGEST_RETRY_FOR, find_in_envelope, plain
from kiq_trio._fields import WriteTime, read_count, to_ms
from kiq_trio._keeping import give_up
from kiq_trio._mending import mend
from kiq_trio._store.settling import Ack, Kill, Later, Requeue, Retry, Settlement
from kiq_trio._unwrapping import pack_lines
from kiq_trio.events import Aborted, Failed, Interrupted, Outcome, Snoozed, Succeeded
from kiq_trio.job import Job, Retries
from kiq_trio.spans import FAR, is_span
from kiq_trio.unique import Lock, is_released_at_start, lock_of
from kiq_trio.verdicts import DISCARD, KILL, Wish

DEFAULT_RETRIES = 25
MESSAGE_LIMIT = 10_000
"""Characters of an error's text that are kept (wire.md §1.1)."""


@attrs.frozen
class Circumstances:
    """All that a decision needs beside the job and its outcome.

    Attributes:
        now: epoch seconds.
        random: returns chance, from 0 up to 1.
        retry: how often the job's worker wants it retried, where its payload
            does not say.
        retry_factor: what the delay until a retry is multiplied with.
        write_time: how our Sidekiq writes times.
    """

    now: float
    random: Callable[[], float]
    retry: Retries = True
    retry_factor: float = 1.0
    write_time: WriteTime = to_ms


class Course(enum.Enum):
    """How a job that failed goes on, if nobody has another wish."""

    RETRY = enum.auto()
    EXHAUSTED = enum.auto()
    UNWANTED = enum.auto()
    """With `retry=False` nobody wants it back, not even in the dead set."""


RetryWish: TypeAlias = float | Wish | None
"""What the job's worker wants instead: so many seconds, DISCARD or KILL."""


@attrs.frozen
class Failure:
    """A failed run.

    Attributes:
        job: with the bookkeeping of the failure, unless it is unwanted.
        error: what the run raised.
        course: how the job goes on.
    """

    job: Job
    error: BaseException
    course: Course


def settle(
    job: Job, outcome: Outcome, given: Circumstances, wish: RetryWish = None
) -> Settlement:
    """Return where *job* goes now.

    The job is as it was fetched: what its worker did to its arguments is gone.
    """
    match outcome:
        case Succeeded() | Aborted():
            return Ack(lock_of(job))
        case Interrupted():
            return Requeue()
        case Snoozed(seconds=seconds):
            # In `schedule` no job says when it was enqueued (wire.md §1.1).
            at = given.now + seconds
            if not _can_be_shown(job):
                return _kill(job, given)
            sleeping = mend(job.set(enqueued_at=None), given.write_time(given.now))
            return Later(at, _put_off(sleeping, at).encode(), _kept_lock(job, seconds))
        case Failed(error=error):
            return place(assess(job, error, given), given, wish)
        case _:
            assert_never(outcome)


def _put_off(job: Job, at: float) -> Job:
    """Return *job* with its life counted from *at*, when it is to start now."""
    span = job.rest.get("expires_in")
    if not is_span(span) or "expires_at" not in job.rest:
        return job
    return job.set(expires_at=to_ms(at + span))


def assess(job: Job, error: BaseException, given: Circumstances) -> Failure:
    """Return how *job*, which failed with *error*, goes on by itself."""
    limit = retry_limit(job.retry if job.retry is not None else given.retry)
    if limit is None:
        return Failure(job, error, Course.UNWANTED)
    written = given.write_time(given.now)
    job = mend(record_failure(job, error, written), written)
    is_over = _is_exhausted(job, limit, given.now)
    if job.failed_at is None:
        # Whoever counted before us forgot it, and the UI cannot do without.
        job = job.set(failed_at=written)
    return Failure(job, error, Course.EXHAUSTED if is_over else Course.RETRY)


def place(failure: Failure, given: Circumstances, wish: RetryWish) -> Settlement:
    """Return where the failed job goes, if its worker has that *wish*."""
    job = failure.job
    if failure.course is Course.UNWANTED or wish is DISCARD:
        return Ack(lock_of(job))
    if failure.course is Course.EXHAUSTED or wish is KILL:
        if job.rest.get("dead") is False:
            return Ack(lock_of(job))
        return _kill(job, given)
    if not _can_be_shown(job):
        # No list could show it, and whoever finds it due would give it up.
        return _kill(job, given)
    usual = retry_delay(job.retry_count or 0, given.random)
    delay = (usual if wish is None else wish) * given.retry_factor
    at = given.now + delay
    if job.deadline is not None and job.deadline <= at:
        # It would not be run then, and would keep its lock until then.
        return Ack(lock_of(job))
    return Retry(at, job.encode(), _kept_lock(job, delay))


def _can_be_shown(job: Job) -> bool:
    return find_in_envelope(job.job_class, job.args, job.rest.get("wrapped")) is None


def _kill(job: Job, given: Circumstances) -> Kill:
    payload = give_up(job.encode(), given.write_time(given.now))
    return Kill(given.now, payload, lock_of(job))


def _kept_lock(job: Job, delay: float) -> Lock | None:
    """Return the lock that *job* keeps until it is tried again.

    One that it gave back when it began is not taken again: others may be in by now.
    """
    return None if is_released_at_start(job) else lock_of(job, delay=delay)


def _is_exhausted(job: Job, limit: int, now: float) -> bool:
    # Since Sidekiq 8.1 a time takes the place of the number.
    span, failed_at = job.rest.get("retry_for"), job.failed_at
    if is_span(span) and failed_at is not None:
        return failed_at + min(span, LONGEST_RETRY_FOR) < now
    return (job.retry_count or 0) >= limit


def retry_limit(retry: Retries) -> int | None:
    """Return how many retries *retry* stands for; None for none at all."""
    if retry is False:
        return None
    return DEFAULT_RETRIES if retry is True or retry is None else retry


def retry_delay(count: int, random: Callable[[], float]) -> float:
    """Return seconds until the retry after failure number *count*, from 0.

    Sidekiq 8's formula: the chance spreads jobs that failed together. After ten
    years, which are the 133rd retry, nobody waits for longer.
    """
    return min(count**4 + 15 + int(random() * 10 * (count + 1)), FAR)


def record_failure(job: Job, error: BaseException, written: float) -> Job:
    """Return *job* with Sidekiq's bookkeeping of a failure at that time."""
    fields: dict[str, Any] = {
        "error_message": describe(error),
        "error_class": name_class(error),
    }
    # Not `job.retry_count`, which is fit to compute with: what was counted goes on.
    count = read_count(job.rest.get("retry_count"))
    if count is None:
        fields["retry_count"] = 0
        # Whoever left a count that is none had seen a failure.
        if job.rest.get("retry_count") is None or job.failed_at is None:
            fields["failed_at"] = written
    else:
        fields |= {"retried_at": written, "retry_count": count + 1}
    lines = job.rest.get("backtrace")
    if lines:
        fields["error_backtrace"] = pack_backtrace(error, lines=lines)
    queue = job.rest.get("retry_queue")
    if isinstance(queue, str) and queue:
        job = attrs.evolve(job, queue=queue)
    return job.set(**fields)


def describe(error: BaseException) -> str:
    """Return the text of *error*, fit to be stored, even if it refuses to say."""
    try:
        text = str(error)[:MESSAGE_LIMIT]
    except BaseException as refusal:  # noqa: BLE001 - a job's error may be of any make.
        text = f"(its text could not be had: {type(refusal).__name__})"
    return text.encode("utf-8", "replace").decode()


def name_class(error: BaseException) -> str:
    """Return the name of the error's class, with its module if it is not Python's."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    # Sidekiq's UI does not escape it: `<locals>` would be HTML (wire.md §8.3).
    name = kind.__qualname__.replace("<locals>.", "")
    return plain(f"{kind.__module__}.{name}")


def pack_backtrace(error: BaseException, *, lines: bool | int) -> str:
    """Return the traceback as Sidekiq stores it (wire.md §1.4).

    The UI does not escape it, so that `<module>` would vanish: we do.
    """
    frames = [
        f"{frame.filename}:{frame.lineno}:in {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    ]
    if type(lines) is int:
        frames = frames[:lines]
    escaped = [line.replace("<", "&lt;").replace(">", "&gt;") for line in frames]
    return pack_lines(escaped)
