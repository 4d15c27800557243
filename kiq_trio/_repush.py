"""Payloads that are moved on, not run: nothing changes in them but what must.

They may be anybody's. Their fields keep their order, and what we do not know is
written as it was read, null too (wire.md §0.1, rule 9).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import attrs

from kiq_trio import encoder
from kiq_trio._faults import find_fault, missing_in_dead
from kiq_trio.errors import DecodeError, EncodeError
from kiq_trio.job import Job

DEFAULT_QUEUE = "default"
"""Where a job is run that does not say (wire.md §1.1)."""


@attrs.frozen
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
    fields = _read(payload)
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
    fields.update(counted or {})
    fields["enqueued_at"] = written
    return Repushed(job.queue, encoder.encode(fields))


def put_off(payload: bytes) -> bytes:
    """Return what goes to `schedule`, where no job says when it was enqueued.

    Raises:
        DecodeError: it is no JSON object.
        EncodeError: it cannot be written again in JSON that Ruby reads.
    """
    fields = _read(payload)
    fields.pop("at", None)
    fields.pop("enqueued_at", None)
    return encoder.encode(fields)


def give_up(payload: bytes, written: float, *, queue: str = DEFAULT_QUEUE) -> bytes:
    """Return what goes to `dead`: as it is, with what Sidekiq's pages want of it.

    A queue, the times of a failure, and tags in a list: the set keeps it for half a
    year, and so long its pages would break (wire.md §8.2). What is no JSON object they
    show as it is.

    Args:
        payload: as it lay somewhere.
        written: the time, as our Sidekiq writes it.
        queue: the one it came from, if it does not say.
    """
    try:
        fields = _read(payload)
        missing = missing_in_dead(fields, written, queue)
        return encoder.encode(fields | missing) if missing else payload
    except (DecodeError, EncodeError):
        return payload


def _read(payload: bytes) -> dict[str, Any]:
    fields = encoder.decode(payload)
    if type(fields) is not dict:
        raise DecodeError(f"a JSON {type(fields).__name__}, not an object")
    return fields
