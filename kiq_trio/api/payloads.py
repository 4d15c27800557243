"""Jobs that somebody has at hand, and wants to put somewhere."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from kiq_trio._fields import WriteTime
from kiq_trio._keeping import DEFAULT_QUEUE, give_up
from kiq_trio._own_faults import find_own_fault, find_wrong_time
from kiq_trio._pipeline.intake import read_job
from kiq_trio._repush import complete, put_off
from kiq_trio.errors import ConfigError, DecodeError
from kiq_trio.job import Job

Payload: TypeAlias = Job | Mapping[str, Any] | bytes | str
"""A job, its fields under their names in Redis, or its JSON."""


def read_payload(
    given: Payload, now: float, write_time: WriteTime, *, is_scheduled: bool
) -> bytes:
    """Return what is put into a sorted set.

    Args:
        given: by whoever looks at jobs.
        now: epoch seconds.
        write_time: how our Sidekiq writes times.
        is_scheduled: that set is `schedule`, where no job says when it was enqueued;
            in the others each says when it failed.

    Raises:
        ConfigError: it is no job, or would break a page of Sidekiq's UI. A job or
            fields are our own words, and held to all that `enqueue` wants of them;
            JSON may be somebody else's.
        EncodeError: an argument is not JSON.
    """
    written = write_time(now)
    try:
        payload = complete(_to_json(given, write_time), written)
        if is_scheduled:
            return put_off(payload, written, DEFAULT_QUEUE)
        return give_up(payload, written)
    except (DecodeError, UnicodeEncodeError) as error:
        raise ConfigError(
            f"payload must be a job that Sidekiq can read, got {error}"
        ) from error


def _to_json(given: Payload, write_time: WriteTime) -> bytes:
    if isinstance(given, bytes):
        return given
    if isinstance(given, str):
        return given.encode()
    job = read_job(given)
    fault = find_own_fault(job, write_time)
    # `enqueue` says this anew; here it stays.
    fault = fault or find_wrong_time(job, "enqueued_at", write_time)
    if fault is not None:
        raise ConfigError(fault)
    return job.encode()
