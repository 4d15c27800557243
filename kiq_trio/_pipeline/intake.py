"""Makes a job ready to be stored, in the task of whoever enqueues it."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import UnionType
from typing import Any, TypeAlias

import attrs

from kiq_trio._pipeline.lane import Entry
from kiq_trio.errors import ConfigError, DecodeError
from kiq_trio.job import Job, to_ms
from kiq_trio.options import QUEUE_NAME
from kiq_trio.spans import Span, is_span, to_seconds

Moment: TypeAlias = datetime | float

_FAR = 10 * 365 * 86_400.0
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
) -> Job:
    """Return *given* with a name and its times, before it is made ready to be stored.

    Takes and raises what `prepare` does, which looks at the arguments as well.
    """
    job = given if isinstance(given, Job) else _read(given)
    if not QUEUE_NAME.fullmatch(job.queue):
        raise ConfigError(
            f"queue must be 1 to 128 of A-Z a-z 0-9 _ . : -, got {job.queue!r}"
        )
    # What is said here goes before what the job says of itself.
    due_at = _due_at(now, in_, job.at if at is None and in_ is None else at)
    now_ms = to_ms(now)
    rest = {"created_at": now_ms, **job.rest}
    rest["enqueued_at"] = now_ms if due_at is None else None
    if rest.get("expires_in") is not None:
        _stamp_expiry(rest, now if due_at is None else due_at)
    # Made anew: `attrs.evolve` takes longer than the rest of this function.
    return Job(
        job_class=job.job_class,
        args=job.args,
        queue=job.queue,
        jid=job.jid or jid,
        retry=job.retry,
        at=due_at,
        rest=rest,
    )


def prepare(
    given: Job | Mapping[str, Any],
    *,
    now: float,
    jid: str,
    in_: Span | None = None,
    at: Moment | None = None,
) -> tuple[Job, Entry]:
    """Return *given* as it will be stored, and what the buffer stores.

    Args:
        given: a job, or a mapping with at least a `class`.
        now: epoch seconds.
        jid: the name to give it if it has none.
        in_: start it so much later.
        at: start it then; what is past starts now.

    Raises:
        ConfigError: the time or the queue cannot be.
        EncodeError: an argument is not JSON.
    """
    job = stamp(given, now=now, jid=jid, in_=in_, at=at)
    entry = Entry(
        jid=job.jid,
        queue=job.queue if job.at is None else None,
        payload=job.encode(),
        score=job.at or 0.0,
    )
    return job, entry


def _stamp_expiry(rest: dict[str, Any], start: float) -> None:
    """Say when it is too late to start: counted from when it may (wire.md §7.4)."""
    span = to_seconds(rest["expires_in"])
    if not is_span(span) or span > _FAR:
        raise ConfigError(
            f"expires_in must be more than 0 s and at most ten years, got {span!r}"
        )
    rest["expires_in"] = span
    rest["expires_at"] = to_ms(start + span)


def _read(given: Mapping[str, Any]) -> Job:
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
        if not isinstance(in_, timedelta | int | float):
            raise ConfigError(f"in_ must be seconds or a timedelta, got {in_!r}")
        delay = in_.total_seconds() if isinstance(in_, timedelta) else in_
        if not 0 < delay < _FAR:
            raise ConfigError(
                f"in_ must be more than 0 s and less than ten years, got {in_!r}"
            )
        return now + delay
    if at is None:
        return None
    if not isinstance(at, datetime | int | float):
        raise ConfigError(f"at must be epoch seconds or an aware datetime, got {at!r}")
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ConfigError(f"at must have a time zone, got {at!r}")
        at = at.timestamp()
    if not math.isfinite(at) or at > now + _FAR:
        raise ConfigError(f"at must be within the next ten years, got {at!r}")
    return at if at > now else None
