"""Makes what others have written fit to be shown: pure.

Anything can stand in a payload, and one wrong value makes every page of Sidekiq's UI
that lists it answer 500 (wire.md §8.2). What somebody else has pushed, we can not
help. But before we write such a job anywhere (it failed, is put off, given up, or
shown while it runs), each such value is read as what it must have meant, or taken
away. What stood there then lies under its name in `kiq_kept`.

What no page can show whatever we take away becomes the argument of a job of ours that
does nothing, as text: `restore` gives it back, to the byte.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from kiq_trio import encoder
from kiq_trio._faults import find_in_envelope, missing_times
from kiq_trio._fields import read_count, read_time, to_ms
from kiq_trio._unwrapping import pack_lines, unpack_lines
from kiq_trio.errors import DecodeError, EncodeError
from kiq_trio.job import Job

DEFAULT_QUEUE = "default"
"""Where a job is run that does not say (wire.md §1.1)."""

KEPT = "kiq_kept"
"""The field for what stood in others."""

KEPT_CLASS = "kiq_trio.Kept"
"""The class of a job whose argument is what no page can show.

Nobody has a worker of that name: no constant of Ruby's has a dot.
"""

_TIMES = ("created_at", "enqueued_at", "failed_at", "retried_at", "discarded_at")


def mend(job: Job, written: float) -> Job:
    """Return *job* as pages of Sidekiq's UI can show it.

    Args:
        job: anybody's.
        written: the time, as our Sidekiq writes it, and then all others.
    """
    changes = find_changes(job.rest, job.args, written)
    return job.set(**changes) if changes else job


def make_shown(payload: bytes, written: float, queue: str) -> bytes:
    """Return *payload* as a list of Sidekiq's UI can show it: nearly always as it is.

    Args:
        payload: a job, or anything.
        written: the time, as our Sidekiq writes it.
        queue: where it was found.
    """
    return _show(payload, written, queue, complete=False)


def give_up(payload: bytes, written: float, *, queue: str = DEFAULT_QUEUE) -> bytes:
    """Return what goes to `dead`: as it is, with what Sidekiq's pages want of it.

    They want a queue and the times of a failure as well: the set keeps it for half a
    year, and so long its pages would break. What is no JSON they show as it is.

    Args:
        payload: as it lay somewhere.
        written: the time, as our Sidekiq writes it.
        queue: the one it came from, if it does not say.
    """
    return _show(payload, written, queue, complete=True)


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
        earlier = rest.get(KEPT)
        kept = {name: rest[name] for name in changes}
        changes[KEPT] = kept | earlier if isinstance(earlier, dict) else kept
    return changes


def change(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return *fields* with *changes*, where None takes one away."""
    changed = {**fields, **changes}
    for name, value in changes.items():
        if value is None:
            del changed[name]
    return changed


def keep(
    payload: bytes, fault: str, written: float, queue: str, jid: Any = None
) -> bytes:
    """Return a job that keeps *payload*, which no page can show.

    Args:
        payload: JSON of any kind.
        fault: why that is.
        written: the time, as our Sidekiq writes it.
        queue: where it was found.
        jid: its name, if it has one.
    """
    known = isinstance(jid, str) and jid
    return encoder.encode(
        {
            "class": KEPT_CLASS,
            "args": [payload.decode()],
            "queue": queue,
            "jid": jid if known else hashlib.sha256(payload).hexdigest()[:24],
            # Whoever runs it by hand puts it back here.
            "retry": 0,
            "created_at": written,
            "enqueued_at": written,
            "failed_at": written,
            "retry_count": 0,
            "error_class": "kiq_trio.Unshown",
            "error_message": f"kept as it was, for no page could show it: {fault}",
        }
    )


def restore(payload: bytes) -> bytes:
    """Return what `keep` has kept; anything else as it is."""
    if KEPT_CLASS.encode() not in payload:
        return payload
    fields = encoder.decode(payload)
    if type(fields) is not dict or fields.get("class") != KEPT_CLASS:
        return payload
    match fields.get("args"):
        case [str(text)]:
            return text.encode()
        case _:
            return payload


def _show(payload: bytes, written: float, queue: str, *, complete: bool) -> bytes:
    try:
        fields = encoder.decode(payload)
    except DecodeError:
        # Ruby cannot read it either, and shows it as text.
        return payload
    try:
        if type(fields) is not dict:
            fault = f"a JSON {type(fields).__name__}, not an object"
            return keep(payload, fault, written, queue)
        return _show_fields(payload, fields, written, queue, complete=complete)
    except EncodeError:
        # Nested so deeply that Ruby does not read it: so it is text, too.
        return payload


def _show_fields(
    payload: bytes,
    fields: dict[str, Any],
    written: float,
    queue: str,
    *,
    complete: bool,
) -> bytes:
    named = fields.get("queue")
    fault = find_in_envelope(
        fields.get("class"), fields.get("args"), fields.get("wrapped")
    )
    if fault is not None:
        queue = named if isinstance(named, str) else queue
        return keep(payload, fault, written, queue, fields.get("jid"))
    changes = find_changes(fields, fields.get("args"), written)
    if complete:
        changes |= missing_times(change(fields, changes), written)
        if not isinstance(named, str):
            changes["queue"] = queue
    return encoder.encode(change(fields, changes)) if changes else payload


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


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(x, str) for x in value)


def _read_tags(value: Any) -> list[str]:
    return [_say(one) for one in (value if isinstance(value, list) else [value])]


def _say(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_backtrace(value: Any) -> str | None:
    # So did Sidekiqs before 6.0.1 (wire.md §1.4).
    return pack_lines(map(_say, value)) if isinstance(value, list) else None


_RULES: dict[str, tuple[Callable[[Any], bool], Callable[[Any], Any]]] = {
    "tags": (_is_list_of_texts, _read_tags),
    "cattr": (lambda value: isinstance(value, list | Mapping), lambda _: None),
    "retry_count": (lambda value: type(value) is int, read_count),
    "error_backtrace": (
        lambda value: isinstance(value, str) and unpack_lines(value) is not None,
        _read_backtrace,
    ),
}
"""What a page can show of a field, and what it is read as if it cannot."""
