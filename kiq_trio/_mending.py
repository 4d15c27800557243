"""Makes what others have written fit to be shown: pure.

Anything can stand in a payload, and one wrong value makes every page of Sidekiq's UI
that lists it answer 500 (wire.md §8.2). What somebody else has pushed, we cannot help.
But before we write such a job anywhere (it failed, is put off, given up, or shown while
it runs), each such value is read as what it must have meant, or taken away. What stood
there then lies under its name in `kiq_kept`.

What no page can show whatever we take away: see `_keeping`.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from kiq_trio._faults import is_list_of_texts
from kiq_trio._fields import read_count, read_time, to_ms
from kiq_trio._unwrapping import pack_lines, unpack_lines
from kiq_trio.job import Job

KEPT = "kiq_kept"
"""The field for what stood in others."""

_TIMES = ("created_at", "enqueued_at", "failed_at", "retried_at", "discarded_at")


def mend(job: Job, written: float) -> Job:
    """Return *job* as pages of Sidekiq's UI can show it.

    Args:
        job: anybody's.
        written: the time, as our Sidekiq writes it, and then all others.
    """
    changes = find_changes(job.rest, job.args, written)
    return job.set(**changes) if changes else job


def find_changes(rest: Mapping[str, Any], args: Any, written: float) -> dict[str, Any]:
    """Return what a payload must say instead, None for what it must not say at all.

    Args:
        rest: what it says, with or without its class, queue and arguments.
        args: its arguments.
        written: the time, as our Sidekiq writes it.
    """
    changes: dict[str, Any] = {}
    for name, (fits, read) in _RULES.items():
        value = rest.get(name)
        if value is not None and not fits(value):
            changes[name] = read(value)
    for name in _TIMES:
        value = rest.get(name)
        if value is not None and not _is_time(value):
            changes[name] = _read_time(value, like=written)
    if rest.get("encrypt") and not (isinstance(args, list | tuple) and args):
        # The page hides the last argument. There is none, and nothing to decrypt.
        changes["encrypt"] = None
    if changes:
        changes[KEPT] = {name: rest[name] for name in changes} | _earlier(rest)
    return changes


def change(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return *fields* with *changes*, where None takes one away."""
    changed = {**fields, **changes}
    for name, value in changes.items():
        if value is None:
            del changed[name]
    return changed


def _earlier(rest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was kept before: it was there first."""
    kept = rest.get(KEPT)
    if isinstance(kept, dict):
        return kept
    return {} if kept is None else {KEPT: kept}


def _is_time(value: Any) -> bool:
    return type(value) is not str and read_time(value) is not None


def _read_time(value: Any, *, like: float) -> float | None:
    """Return a time that is text as a number; None if it is no time.

    The type is all that tells a reader the unit (wire.md §1.3).
    """
    moment = read_time(value)
    if moment is None:
        return None
    return to_ms(moment) if type(like) is int else moment


def _read_tags(value: Any) -> list[str]:
    return [_say(one) for one in (value if isinstance(value, list) else [value])]


def _say(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_backtrace(value: Any) -> str | None:
    # So did Sidekiqs before 6.0.1 (wire.md §1.4).
    return pack_lines(map(_say, value)) if isinstance(value, list) else None


_RULES: dict[str, tuple[Callable[[Any], bool], Callable[[Any], Any]]] = {
    "tags": (is_list_of_texts, _read_tags),
    "cattr": (lambda value: isinstance(value, list | Mapping), lambda _: None),
    "retry_count": (lambda value: type(value) is int, read_count),
    "error_backtrace": (
        lambda value: isinstance(value, str) and unpack_lines(value) is not None,
        _read_backtrace,
    ),
}
"""What a page can show of a field, and what it is read as if it cannot."""
