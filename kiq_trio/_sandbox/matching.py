"""Tells whether a job is the one that a test means: pure."""

import difflib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from kiq_trio._sandbox.recording import Record
from kiq_trio.converter import CONVERTER, SCALARS, plain_args
from kiq_trio.errors import ConfigError, EncodeError
from kiq_trio.job import Job
from kiq_trio.worker import AnyWorker
from kiq_trio.worker_class import Worker, as_worker

_TOLERANCE = 1.0
"""Seconds by which a test's own reckoning of a time may be off."""

FIELDS = (
    *("class", "class_", "args", "queue", "jid", "retry", "at", "in_", "tags"),
    *("dead", "backtrace", "retry_queue", "retry_for", "expires_in", "expires_at"),
    *("unique_for", "unique_until", "unique_token", "unlocks_at", "kiq_deadline"),
    *("created_at", "enqueued_at", "failed_at", "retried_at", "retry_count"),
    *("error_class", "error_message", "error_backtrace"),
)
"""What a job may say of itself without its program having a hand in it."""

_NEAR = 0.8

Meant = AnyWorker | type[Worker] | Job | Mapping[str, Any] | str
"""How a test may say which job it means."""


@attrs.frozen
class Wanted:
    """What a job must be like; nothing else about it matters.

    Attributes:
        fields: what each must be, under the names of `assert_enqueued`.
    """

    fields: Mapping[str, Any]

    def differences(self, record: Record) -> list[str]:
        """Return the names of the fields in which the job is another."""
        return [
            name
            for name, expected in self.fields.items()
            if not _FITS.get(name, _field_fits)(name, expected, record)
        ]


def want(meant: Meant | None, fields: Mapping[str, Any]) -> Wanted:
    """Return what a test wants.

    Args:
        meant: a worker or its name; or a job, or a mapping as `enqueue` takes it,
            of which the class and the arguments count.
        fields: what else must be; `class_` is another name for the class.

    Raises:
        ConfigError: *meant* is no job and no worker, a field is called nearly as one
            that jobs have, or `at` and `in_` cannot be.
    """
    wanted: dict[str, Any] = {}
    match meant:
        case None:
            pass
        case str():
            wanted["class"] = meant
        case _ if (worker := as_worker(meant)) is not None:
            wanted["class"] = worker.name
        case Job():
            wanted |= {"class": meant.job_class, "args": meant.args}
        case Mapping():
            wanted |= meant
        case _:
            raise ConfigError(
                f"give a worker, the name of one, or a job, got {meant!r}"
            )
    for name, value in fields.items():
        wanted["class" if name == "class_" else _check_name(name)] = value
    if (worker := as_worker(wanted.get("class"))) is not None:
        wanted["class"] = worker.name
    _check_times(wanted)
    return Wanted(wanted)


def _check_name(name: str) -> str:
    """Return *name*, unless it is mistyped: that would make any refutation true.

    Other names are those of fields that the program gives to its jobs.
    """
    near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=_NEAR)
    if name not in FIELDS and near:
        raise ConfigError(f"no job has a field {name!r}; did you mean {near[0]!r}?")
    return name


def fits(expected: Any, actual: Any) -> bool:
    """Whether *actual*, which comes from JSON, is what is expected.

    A type stands for all its values, a function for those of which it is true, and
    whatever compares equal, such as `unittest.mock.ANY`, for itself. What JSON has no
    word for, such as a date, is what it is written as.
    """
    if isinstance(expected, type):
        return isinstance(actual, expected)
    if callable(expected):
        return bool(expected(actual))
    if isinstance(expected, list | tuple):
        return (
            isinstance(actual, list | tuple)
            and len(actual) == len(expected)
            and all(map(fits, expected, actual))
        )
    if isinstance(expected, Mapping):
        return (
            isinstance(actual, Mapping)
            and actual.keys() == expected.keys()
            and all(fits(value, actual[name]) for name, value in expected.items())
        )
    return bool(expected == actual) or _is_written_as(expected, actual)


def _is_written_as(expected: Any, actual: Any) -> bool:
    """Whether *expected*, a date for example, is *actual* in JSON."""
    if type(expected) in SCALARS:
        return False
    try:
        [written] = plain_args([expected], CONVERTER, "expected")
    except EncodeError:
        return False
    return bool(written == actual)


def _check_times(wanted: Mapping[str, Any]) -> None:
    at, in_ = wanted.get("at"), wanted.get("in_")
    if isinstance(at, datetime) and at.tzinfo is None:
        raise ConfigError(f"at must have a time zone, got {at!r}")
    for name, value, kind in (("at", at, datetime), ("in_", in_, timedelta)):
        if isinstance(value, str | bool):
            raise ConfigError(
                f"{name} must be seconds, a {kind.__name__}, a function, or None "
                f"for a job that starts now, got {value!r}"
            )


def _field_fits(name: str, expected: Any, record: Record) -> bool:
    return fits(expected, record.job.to_map().get(name))


def _at_fits(_: str, expected: Any, record: Record) -> bool:
    if isinstance(expected, datetime):
        expected = expected.timestamp()
    return _time_fits(expected, record.job.at)


def _in_fits(_: str, expected: Any, record: Record) -> bool:
    if isinstance(expected, timedelta):
        expected = expected.total_seconds()
    at = record.job.at
    return _time_fits(expected, None if at is None else at - record.when)


def _time_fits(expected: Any, actual: float | None) -> bool:
    if isinstance(expected, int | float) and actual is not None:
        return abs(actual - expected) <= _TOLERANCE
    return fits(expected, actual)


_FITS: dict[str, Callable[[str, Any, Record], bool]] = {
    "at": _at_fits,
    "in_": _in_fits,
}
