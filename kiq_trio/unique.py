"""What makes a job the same as another, and the lock that keeps the other out.

A unique job takes a lock when it is enqueued. The lock's owner is the job, by its
jid, so that nobody else frees it: not a late finisher, not a job that ran on after
its own lock had expired.
"""

import hashlib
import json
from typing import Any

import attrs

from kiq_trio.job import Job
from kiq_trio.spans import FAR

UNTIL_SUCCESS = "success"
UNTIL_START = "start"


@attrs.frozen
class Lock:
    """A lock that a job takes, holds or gives back.

    Attributes:
        token: what is locked.
        owner: the jid of the job it belongs to.
        seconds: how long it lives without being renewed.
    """

    token: str
    owner: str
    seconds: float


def make_token(job_class: str, queue: str, key: Any) -> str:
    """Return the token of all jobs that are equal in these three.

    It is the same in every process, version of Python and order of keys: SHA-256 of
    canonical JSON. Ruby's and Elixir's tokens are of other makes, so that a lock is
    never shared with them (wire.md §7.5).

    Args:
        job_class: the job's class.
        queue: its queue.
        key: its arguments, or whatever its worker says stands for them; JSON.
    """
    text = json.dumps(
        [job_class, queue, key],
        ensure_ascii=False,
        separators=(",", ":"),
        sort_keys=True,
        default=dict,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def lock_of(job: Job, *, delay: float = 0.0) -> Lock | None:
    """Return the lock that *job* says it holds; None if it is not unique.

    What Ruby's Enterprise edition calls unique has no token of ours, and no lock.

    Args:
        job: as it was fetched.
        delay: seconds until it is due again, for which it keeps the lock as well.
    """
    token = job.rest.get("unique_token")
    if type(token) is not str or not token or not job.jid:
        return None
    return Lock(token, job.jid, delay + _read_span(job.rest.get("unique_for")))


def is_released_at_start(job: Job) -> bool:
    """Whether *job* gives its lock back when it begins, and never takes it again."""
    return job.rest.get("unique_until") == UNTIL_START


def _read_span(value: Any) -> float:
    """Return the seconds that a payload speaks of; 0 for what cannot be any."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 < value < FAR else 0.0
