"""Payloads that are moved on, not run: nothing changes in them but what must.

They may be anybody's. Their fields keep their order, and what we do not know is
written as it was read, null too (wire.md §0.1, rule 9).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import attrs

from kiq_trio import encoder
from kiq_trio._cutting import cut
from kiq_trio._faults import find_fault, find_in_envelope
from kiq_trio._keeping import restore
from kiq_trio._mending import change, find_changes
from kiq_trio.errors import DecodeError
from kiq_trio.job import Job

_GONE = frozenset({"at", "enqueued_at"})
"""What stands in no payload of `schedule` (wire.md §1.1, §2.4)."""


@attrs.define
class Repushed:
    """A payload on its way from a sorted set to a queue.

    Attributes:
        queue: the name of the queue.
        payload: what is put there.
    """

    queue: str
    payload: bytes


def repush(
    payload: bytes, written: float, *, counted: Mapping[str, int] | None = None
) -> Repushed:
    """Return what goes to its queue now, as Sidekiq's own poller would push it.

    Without a jid it is given one, always the same. What Sidekiq would lose, or what
    would break a page of its UI, is refused (wire.md §2.4, §8.2).

    Args:
        payload: as it lay in the set.
        written: the time, as our Sidekiq writes it.
        counted: what else is changed.

    Raises:
        DecodeError: it is no job.
        EncodeError: it cannot be written again in JSON that Ruby reads.
    """
    fields = _complete(_read(restore(payload)), payload, written)
    if counted:
        fields.update(counted)
    fields["enqueued_at"] = written
    return Repushed(fields["queue"], encoder.encode(fields))


def complete(payload: bytes, written: float) -> bytes:
    """Return what somebody puts into a set by hand, with all that Sidekiq gives a job.

    Takes and raises what `repush` does.
    """
    return encoder.encode(_complete(_read(payload), payload, written))


def put_off(payload: bytes, written: float, queue: str) -> bytes:
    """Return what goes to `schedule`, where no job says when it was enqueued.

    The rest keeps its bytes, unless a page could not show it so.

    Args:
        payload: as it was fetched.
        written: the time, as our Sidekiq writes it.
        queue: where it was fetched, if it does not say.

    Raises:
        DecodeError: it is no JSON object, or no page can show it.
        EncodeError: it cannot be written again in JSON that Ruby reads.
    """
    fields = _read(payload)
    fault = find_in_envelope(
        fields.get("class"), fields.get("args"), fields.get("wrapped")
    )
    if fault is not None:
        raise DecodeError(fault)
    for name in _GONE:
        fields.pop(name, None)
    changes = find_changes(fields, fields.get("args"), written)
    named = fields.get("queue")
    if not isinstance(named, str) or not named:
        changes["queue"] = queue
    if changes:
        return encoder.encode(change(fields, changes))
    # Raises what Ruby could not read, as the other way does.
    encoder.check(fields)
    return cut(payload, _GONE)


def _complete(fields: dict[str, Any], payload: bytes, written: float) -> dict[str, Any]:
    job = Job.from_map(fields)
    fault = find_fault(job)
    if fault is not None:
        raise DecodeError(fault)
    # Sidekiq would obey it a second time.
    fields.pop("at", None)
    fields["args"] = job.args
    fields["queue"] = job.queue
    if not job.jid:
        fields["jid"] = hashlib.sha256(payload).hexdigest()[:24]
    fields.setdefault("retry", True)
    fields.setdefault("created_at", written)
    return fields


def _read(payload: bytes) -> dict[str, Any]:
    fields = encoder.decode(payload)
    if type(fields) is not dict:
        raise DecodeError(f"a JSON {type(fields).__name__}, not an object")
    return fields
