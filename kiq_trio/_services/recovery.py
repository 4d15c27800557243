"""What becomes of a job that a dead process held: pure.

A job that takes its process with it would kill one after the other. Each recovery
leaves a stamp in the payload. At the third within three days the job goes to the dead
set, if it is the one that its process suspected: what merely ran beside it comes back.
"""

import attrs

from kiq_trio._fields import WriteTime, read_time, to_ms
from kiq_trio._keeping import give_up
from kiq_trio._pipeline.suspects import POISON_LIMIT, STAMPS
from kiq_trio._store.burying import Held, Rescued
from kiq_trio.errors import DecodeError, EncodeError
from kiq_trio.job import Job
from kiq_trio.unique import lock_of

POISON_WINDOW = 72 * 3600.0
PATIENCE = 10
"""Found so often, it goes though nobody suspected it: whoever could have named it
died earlier, or is of a version that names nobody."""
LONGEST = 16 << 20
"""Bytes of a payload that are read here at most, whatever consumers may read."""


def recover(held: Held, now: float, write_time: WriteTime = to_ms) -> Rescued:
    """Return where the job goes, stamped; what is no job goes back as it is.

    Whoever takes that from its queue puts it into the dead set.
    """
    if not held.queue:
        payload = give_up(held.payload, write_time(now))
        return Rescued(held, payload, to_dead=True)
    if len(held.payload) > LONGEST:
        return Rescued(held, held.payload)
    try:
        return _stamp(held, Job.decode(held.payload), now, write_time)
    except (DecodeError, EncodeError):
        return Rescued(held, held.payload)


def _stamp(held: Held, job: Job, now: float, write_time: WriteTime) -> Rescued:
    stamps = [*_recent(job, now), to_ms(now)]
    job = job.set(**{STAMPS: stamps})
    if len(stamps) < (POISON_LIMIT if held.is_suspected else PATIENCE):
        return Rescued(held, job.encode())
    job = attrs.evolve(job, queue=held.queue).set(
        error_class="kiq_trio.PoisonPill",
        error_message=f"its process died under it {len(stamps)} times in 72 hours",
        # The dead set would keep one of two that are equal to the byte.
        kiq_copy=held.delivery_id,
    )
    payload = give_up(job.encode(), write_time(now))
    return Rescued(held, payload, to_dead=True, lock=lock_of(job))


def _recent(job: Job, now: float) -> list[int]:
    stamps = job.rest.get(STAMPS)
    if not isinstance(stamps, list):
        return []
    return [
        stamp
        for stamp in stamps
        if type(stamp) is int and now - (read_time(stamp) or 0) < POISON_WINDOW
    ]
