"""Knows the jobs that need middleware of Sidekiq's which nobody but Sidekiq has.

A job of a batch that is run without it leaves the batch pending for a month, and an
encrypted one would be run on ciphertext (wire.md §7.3, §7.9). So it is put off until
a process takes it that can: pushed back into its queue, it would come at once again.
"""

import logging
from collections.abc import Collection

import attrs

from kiq_trio._fields import WriteTime, to_ms
from kiq_trio._keeping import give_up
from kiq_trio._repush import put_off
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import Kill, Later, Settlement
from kiq_trio.errors import DecodeError, EncodeError
from kiq_trio.job import Job
from kiq_trio.unique import lock_of

logger = logging.getLogger("kiq_trio.consumer")

PUT_OFF_FOR = 60.0
"""Seconds until such a job comes to somebody again."""

_MOST_NAMES = 1_000
"""So many classes are remembered: anything can stand in a payload."""


@attrs.define(eq=False)
class Closed:
    """Keeps jobs from running whose middleware is missing here.

    Attributes:
        fields: those of a payload that ask for it.
        write_time: how our Sidekiq writes times.
    """

    fields: Collection[str]
    write_time: WriteTime = to_ms
    _told: set[tuple[str, str]] = attrs.field(factory=set, init=False)

    def find(self, job: Job) -> str | None:
        """Return the field that asks for what we do not have; None if none does."""
        # A loop, and no generator: every job comes by.
        for name in self.fields:
            if job.rest.get(name):
                return name
        return None

    def put_off(
        self, job: Job, delivery: Delivery, field: str, now: float
    ) -> Settlement:
        """Return where *job* goes, as it is but for when it was enqueued."""
        self._tell(job.job_class, field)
        payload, queue = delivery.payload, delivery.queue
        written = self.write_time(now)
        try:
            later = put_off(payload, written, queue)
        except (DecodeError, EncodeError) as error:
            logger.error("job %s cannot be put off as it is: %s", job.jid, error)
            given_up = give_up(payload, written, queue=queue)
            return Kill(now, given_up, lock_of(job))
        lock = lock_of(job, delay=PUT_OFF_FOR)
        return Later(now + PUT_OFF_FOR, later, lock)

    def _tell(self, job_class: str, field: str) -> None:
        if (job_class, field) in self._told or len(self._told) >= _MOST_NAMES:
            return
        self._told.add((job_class, field))
        logger.error(
            "jobs of %s have %r and need middleware of Sidekiq's that we do not have: "
            "each is put off for a minute, until a process takes it that has; with "
            "accept=(%r,) they would run here without",
            job_class,
            field,
            field,
        )
