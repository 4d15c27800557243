"""Says which lock a unique job must get to be stored."""

from kiq_trio import encoder
from kiq_trio._fields import to_ms
from kiq_trio.errors import ConfigError
from kiq_trio.job import Job
from kiq_trio.spans import check_span
from kiq_trio.unique import UNTIL_START, UNTIL_SUCCESS, Lock, make_token


def claim(job: Job, now: float) -> tuple[Job, Lock | None]:
    """Return *job* with what makes it unique, and the lock it must get.

    A job for later takes its lock at once, and for the delay as well (wire.md §7.5).
    With `unique_for=False` one job does without, as in Sidekiq Enterprise.

    Raises:
        ConfigError: `unique_for` or `unique_until` cannot be.
        EncodeError: an argument is not JSON.
    """
    if job.rest["unique_for"] is False:
        return job.set(unique_for=None, unique_until=None, unique_token=None), None
    seconds = check_span("unique_for", job.rest["unique_for"])
    until = job.rest.get("unique_until")
    if until not in (None, UNTIL_SUCCESS, UNTIL_START):
        raise ConfigError(f"unique_until must be 'success' or 'start', got {until!r}")
    unlocks_at = (job.at or now) + seconds
    token = token_of(job)
    job = job.set(unique_for=seconds, unique_token=token, unlocks_at=to_ms(unlocks_at))
    return job, Lock(token, job.jid, unlocks_at - now)


def token_of(job: Job) -> str:
    """Return what *job* locks: as its worker has said, or by its arguments.

    Raises:
        EncodeError: an argument is not JSON.
    """
    token = job.rest.get("unique_token")
    if isinstance(token, str) and token:
        return token
    encoder.check(job.args, f"{job.job_class}: args")
    return make_token(job.job_class, job.queue, job.args)
