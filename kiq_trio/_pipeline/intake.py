"""Makes a job ready to be stored, in the task of whoever enqueues it."""

import math
import secrets
from collections.abc import Mapping
from datetime import datetime
from types import UnionType
from typing import Any, TypeAlias

import attrs

from kiq_trio._fields import WriteTime, read_time, to_ms
from kiq_trio._own_faults import find_own_fault
from kiq_trio._pipeline.claiming import claim
from kiq_trio._pipeline.entry import Entry
from kiq_trio.converter import CONVERTER, plain_args
from kiq_trio.errors import ConfigError, DecodeError, EncodeError
from kiq_trio.job import PAYLOAD_LIMIT, Job, revise
from kiq_trio.spans import FAR, Span, check_span

Moment: TypeAlias = datetime | float

_KINDS: dict[str, tuple[type | UnionType, str]] = {
    "queue": (str, "a name"),
    "jid": (str, "text"),
    "retry": (int, "True, False or a whole number"),
    "at": (datetime | int | float, "epoch seconds or an aware datetime"),
}


def stamp(
    given: Job | Mapping[str, Any],
    *,
    now: float,
    jid: str,
    in_: Span | None = None,
    at: Moment | None = None,
    write_time: WriteTime = to_ms,
) -> Job:
    """Return *given* with a name and its times, before it is made ready to be stored.

    Takes and raises what `prepare` does, which looks at the arguments as well.
    """
    job = read_job(given)
    fault = find_own_fault(job, write_time)
    if fault is not None:
        raise ConfigError(fault)
    # What is said here goes before what the job says of itself.
    if at is None and in_ is None:
        at = job.at
    due_at = None if at is None and in_ is None else _due_at(now, in_, at)
    written = write_time(now)
    rest: dict[str, Any] = {"created_at": written}
    if job.rest:
        rest.update(job.rest)
        if rest["created_at"] is None:
            rest["created_at"] = written
    if due_at is None:
        rest["enqueued_at"] = written
    else:
        # In `schedule` no job says when it was enqueued (wire.md §1.1).
        rest.pop("enqueued_at", None)
        if "kiq_deadline" in rest:
            _check_deadline(rest["kiq_deadline"], due_at)
    if rest.get("expires_in") is not None:
        _stamp_expiry(rest, now if due_at is None else due_at)
    return revise(job, jid=job.jid or jid, at=due_at, duplicate_of=None, rest=rest)


def prepare(
    given: Job | Mapping[str, Any],
    *,
    now: float,
    jid: str,
    in_: Span | None = None,
    at: Moment | None = None,
    write_time: WriteTime = to_ms,
    limit: int = PAYLOAD_LIMIT,
) -> tuple[Job, Entry]:
    """Return *given* as it will be stored, and what the buffer stores.

    Args:
        given: a job, or a mapping with at least a `class`.
        now: epoch seconds.
        jid: the name to give it if it has none.
        in_: start it so much later.
        at: start it then; what is past starts now.
        write_time: how our Sidekiq writes times.
        limit: how many bytes it may have.

    Raises:
        ConfigError: the time, the queue or the jid cannot be, or what is said of
            its uniqueness.
        EncodeError: an argument is not JSON, or there is too much of it.
    """
    job = stamp(given, now=now, jid=jid, in_=in_, at=at, write_time=write_time)
    args = plain_args(job.args, CONVERTER, f"{job.job_class}: args")
    if args is not job.args:
        # Made by hand and not by a worker, it held objects still.
        job = attrs.evolve(job, args=args)
    lock = None
    if job.rest.get("unique_for") is not None:
        job, lock = claim(job, now)
    queue = job.queue if job.at is None else None
    payload = job.encode()
    if len(payload) > limit:
        raise EncodeError(
            f"{job.job_class}: args",
            f"the job has {len(payload):,} bytes, payload_limit allows {limit:,}",
        )
    return job, Entry(job.jid, queue, payload, job.at or 0.0, lock)


def make_jids(count: int) -> list[str]:
    """Return names for so many jobs, which nobody else has."""
    digits = secrets.token_hex(12 * count)
    return [digits[start : start + 24] for start in range(0, 24 * count, 24)]


def hold_to(given: Job | Mapping[str, Any], deadline: Moment) -> Job:
    """Return *given* as a job that must have ended at *deadline*.

    Raises:
        ConfigError: that is no time, or *given* no job.
    """
    moment = read_epoch("deadline", deadline)
    if not math.isfinite(moment):
        raise ConfigError(f"deadline must be a time, got {deadline!r}")
    return read_job(given).set(kiq_deadline=to_ms(moment))


def _check_deadline(deadline: Any, due_at: float) -> None:
    moment = read_time(deadline)
    if moment is not None and moment <= due_at:
        raise ConfigError(
            f"deadline must be after the job is due, got {moment!r} and {due_at!r}"
        )


def _stamp_expiry(rest: dict[str, Any], start: float) -> None:
    """Say when it is too late to start: counted from when it may (wire.md §7.4)."""
    span = check_span("expires_in", rest["expires_in"])
    rest["expires_in"] = span
    rest["expires_at"] = to_ms(start + span)


def read_job(given: Job | Mapping[str, Any]) -> Job:
    """Return what was given as a job.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(given, Job):
        return given
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"a job is made by worker.new(...), or a mapping with a class, "
            f"got {given!r}"
        )
    for name, (kinds, what) in _KINDS.items():
        value = given.get(name)
        if value is not None and not isinstance(value, kinds):
            raise ConfigError(f"{name} must be {what}, got {value!r}")
    try:
        job = Job.from_map({"retry": True, **given})
    except DecodeError as error:
        raise ConfigError(str(error)) from error
    # What Redis may hold is read leniently, what you say is meant.
    return attrs.evolve(job, at=given.get("at"))


def _due_at(now: float, in_: Span | None, at: Moment | None) -> float | None:
    """Return when a job is due in epoch seconds; None for now."""
    if in_ is not None:
        if at is not None:
            raise ConfigError(f"give in_ or at, not both, got {in_!r} and {at!r}")
        return now + check_span("in_", in_)
    if at is None:
        return None
    moment = read_epoch("at", at)
    if not math.isfinite(moment) or moment > now + FAR:
        raise ConfigError(f"at must be within the next ten years, got {at!r}")
    return moment if moment > now else None


def read_epoch(name: str, given: Any) -> float:
    """Return a moment in epoch seconds.

    Raises:
        ConfigError: it is none; *name* is what it is for.
    """
    if type(given) is bool or not isinstance(given, datetime | int | float):
        raise ConfigError(
            f"{name} must be epoch seconds or an aware datetime, got {given!r}"
        )
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise ConfigError(f"{name} must have a time zone, got {given!r}")
        return given.timestamp()
    return given
