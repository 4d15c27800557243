"""Keeps what is given up, so that pages of Sidekiq's UI can show it: pure.

The dead set holds it for half a year, and so long one payload that no page can show
would break the page of all (wire.md §8.2). Most of them are mended. What is no job at
all, or an envelope of Active Job without its content, becomes the argument of a job of
ours that does nothing, as text: `restore` gives it back, to the byte.
"""

import hashlib
from typing import Any

from kiq_trio import encoder
from kiq_trio._faults import find_in_envelope, missing_times
from kiq_trio._mending import change, find_changes
from kiq_trio.errors import DecodeError, EncodeError

DEFAULT_QUEUE = "default"
"""Where a job is run that does not say (wire.md §1.1)."""

KEPT_CLASS = "kiq_trio.Kept"
"""The class of a job whose argument is what no page can show.

Nobody has a worker of that name: no constant of Ruby's has a dot.
"""

_LONGEST = 1_000
"""Characters of a reason; it may hold what was wrong."""


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
    reason = f"kept as it was, for no page could show it: {fault}"
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
            "error_message": reason[:_LONGEST],
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
