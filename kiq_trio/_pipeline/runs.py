"""A job's way through this process: from the queue until Redis knows its next place."""

from collections.abc import Callable

import attrs

from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import Ack, Kill, Later, Requeue, Retry, Settlement
from kiq_trio.errors import DecodeError, EncodeError
from kiq_trio.events import Outcome
from kiq_trio.job import Job

ACK = Ack()
REQUEUE = Requeue()


@attrs.define(eq=False)
class Run:
    """A job that was fetched, and what becomes of it.

    One object goes all the way, and is made once a job: what has not been run yet
    goes back to its queue, unless somebody decides otherwise.

    Attributes:
        delivery: the job as it was fetched.
        settlement: where it goes.
        job: what it says, once somebody has read it.
        outcome: how the run went; None if there was none, and nothing to count.
        began: when, on Trio's clock.
    """

    delivery: Delivery
    settlement: Settlement = REQUEUE
    job: Job | None = None
    outcome: Outcome | None = None
    began: float = 0.0


def distinguish(settlement: Settlement, random: Callable[[], float]) -> Settlement:
    """Make the payload differ from an equal one that is there already.

    A sorted set holds each payload once; two jobs that are equal to the byte
    would become one.
    """
    assert isinstance(settlement, Retry | Kill | Later)
    try:
        job = Job.decode(settlement.payload)
        payload = job.set(kiq_copy=int(random() * 2**53)).encode()
    except (DecodeError, EncodeError):
        # No job that we could write, and the dead set keeps its like already.
        return Ack(settlement.lock)
    return attrs.evolve(settlement, payload=payload)
