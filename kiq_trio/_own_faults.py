"""What our own program may not say of a job.

Stricter than `_faults`: what others have written must go on as it is. But a page of
Sidekiq's UI that answers 500, or shows HTML that came with a job, is for whoever
enqueues to hear of (wire.md §8.2, §8.3).
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from kiq_trio._faults import (
    LONGEST_RETRY_FOR,
    find_fault,
    is_class_name,
    is_plain,
)
from kiq_trio._fields import MILLISECONDS_FROM, WriteTime
from kiq_trio._unwrapping import MAILERS, WRAPPERS, unpack_lines
from kiq_trio.encoder import DEPTH_LIMIT
from kiq_trio.job import Job
from kiq_trio.options import QUEUE_NAME

_Rule: TypeAlias = tuple[Callable[[Any], bool], str]
"""Whether a value may be said, and what may be."""

_ATTRIBUTES = frozenset({"class", "args", "queue", "at"})
"""What a payload calls the attributes of a job; `rest` would go before them."""

_LAST_MS = MILLISECONDS_FROM * 1000

_NAME = "1 to 128 of A-Z a-z 0-9 _ . : -"

# A program enqueues to few queues again and again.
_find_name = functools.lru_cache(1_000)(QUEUE_NAME.fullmatch)


def find_own_fault(job: Job, write_time: WriteTime) -> str | None:
    """Return what is wrong with a job that is said by our own program.

    Args:
        job: what is to be enqueued.
        write_time: how our Sidekiq writes times.
    """
    if not _find_name(job.queue):
        return f"queue must be {_NAME}, got {job.queue!r}"
    # Sidekiq's UI prints it as it is (wire.md §1.1).
    if job.jid and not QUEUE_NAME.fullmatch(job.jid):
        return f"jid must be {_NAME}, got {job.jid!r}"
    if not is_class_name(job.job_class):
        return f"class must be a name without < > | /, got {job.job_class!r}"
    is_wrapper = job.job_class in WRAPPERS
    # Such are nearly all.
    if job.args and not job.rest and not is_wrapper:
        return None
    fault = find_fault(job)
    if fault is None and is_wrapper:
        fault = _find_in_envelope(job.args[0], job.rest.get("wrapped"))
    return fault or _find(job.rest, write_time)


def find_wrong_time(job: Job, name: str, write_time: WriteTime) -> str | None:
    """Return what is wrong with one time of a job, such as `enqueued_at`.

    `find_own_fault` looks at all the others: who enqueues a job says that one anew.
    """
    value = job.rest.get(name)
    fits, what = _time_rule(write_time)
    if value is None or fits(value):
        return None
    return f"{name} must be {what}, got {value!r}"


def _find_in_envelope(first: Any, wrapped: Any) -> str | None:
    """Return what is wrong with an envelope, of which the UI makes a class to show."""
    arguments = first.get("arguments") if isinstance(first, Mapping) else None
    if not isinstance(arguments, list | tuple):
        return f"args must hold the envelope of Active Job, got {first!r}"
    if wrapped in MAILERS:
        mail = arguments[:2]
        if len(mail) == 2 and all(map(_is_name, mail)):
            return None
        return (
            f"arguments of {wrapped} must begin with a mailer and a method, "
            f"names without < > | /, got {mail!r}"
        )
    # It is shown whole.
    if not wrapped and not _holds_plain_texts(first):
        return f"args must hold an envelope without < and >, or wrapped, got {first!r}"
    return None


def _find(rest: Mapping[str, Any], write_time: WriteTime) -> str | None:
    if not _ATTRIBUTES.isdisjoint(rest):
        names = sorted(_ATTRIBUTES & rest.keys())
        return f"rest must not hold what is an attribute, got {', '.join(names)}"
    for name, value in rest.items():
        rule = _RULES.get(name) or (
            _time_rule(write_time) if name in _TIMES else _EXTRA
        )
        # An extra is shown by its name.
        if rule is _EXTRA and not _holds_plain_texts(name):
            return f"a field must have a name without < and >, got {name!r}"
        fits, what = rule
        if value is not None and not fits(value):
            return f"{name} must be {what}, got {value!r}"
    return _find_missing(rest)


def _find_missing(rest: Mapping[str, Any]) -> str | None:
    count = rest.get("retry_count")
    if count is None:
        return None
    if rest.get("failed_at") is None:
        return f"retry_count is {count!r}, and failed_at is missing"
    if count > 0 and rest.get("retried_at") is None:
        return f"retry_count is {count!r}, and retried_at is missing"
    return None


def _is_plain_text(value: Any) -> bool:
    return isinstance(value, str) and is_plain(value)


def _holds_plain_texts(value: Any, depth: int = 0) -> bool:
    if isinstance(value, str):
        return is_plain(value)
    # What is nested deeper is refused when it is encoded.
    if depth >= DEPTH_LIMIT:
        return True
    if isinstance(value, Mapping):
        return all(
            _holds_plain_texts(one, depth + 1) for pair in value.items() for one in pair
        )
    return not isinstance(value, list | tuple) or all(
        _holds_plain_texts(one, depth + 1) for one in value
    )


def _is_list_of_plain_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_plain_text, value))


def _is_context(value: Any) -> bool:
    return isinstance(value, list | tuple | Mapping) and _holds_plain_texts(value)


def _is_retry_for(value: Any) -> bool:
    return type(value) in (int, float) and value <= LONGEST_RETRY_FOR


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and is_class_name(value)


def _is_backtrace(value: Any) -> bool:
    lines = unpack_lines(value)
    return lines is not None and _is_list_of_plain_texts(lines)


def _is_ms_or_seconds(value: Any) -> bool:
    if type(value) is int:
        return MILLISECONDS_FROM <= value < _LAST_MS
    return _is_seconds(value)


def _is_seconds(value: Any) -> bool:
    return type(value) is float and 0 <= value < MILLISECONDS_FROM


_MS_OR_SECONDS = (
    _is_ms_or_seconds,
    "whole milliseconds since 1970, or seconds as a float",
)
_SECONDS = (_is_seconds, "seconds since 1970 as a float, or sidekiq=8")


def _time_rule(write_time: WriteTime) -> _Rule:
    """Return what a time must be, so that our Sidekiq does not take it for another.

    Sidekiq 8 tells the unit by the type; those before know seconds only (wire.md
    §1.3).
    """
    return _MS_OR_SECONDS if type(write_time(0.0)) is int else _SECONDS


_TIMES = frozenset({"created_at", "failed_at", "retried_at", "discarded_at"})
_PLAIN_TEXT = (_is_plain_text, "text without < and >")
_RULES: dict[str, _Rule] = {
    "tags": (_is_list_of_plain_texts, "a list of texts without < and >"),
    "cattr": (_is_context, "a list or an object without < and >"),
    "retry_count": (lambda value: type(value) is int, "a whole number"),
    "retry_for": (_is_retry_for, "a number of seconds, at most 1,000,000,000"),
    "retry_queue": (
        lambda value: isinstance(value, str) and bool(QUEUE_NAME.fullmatch(value)),
        _NAME,
    ),
    "error_class": _PLAIN_TEXT,
    # The one text that the pages escape.
    "error_message": (lambda value: isinstance(value, str), "text"),
    "error_backtrace": (
        _is_backtrace,
        "a list of texts without < and > as JSON, deflated, as base64 (wire.md §1.4)",
    ),
    "display_class": _PLAIN_TEXT,
    "wrapped": (_is_name, "a name without < > | /"),
}
_EXTRA: _Rule = (_holds_plain_texts, "without < and >")
"""For all that the UI shows as an extra, as it is."""
