"""A run that has ended, on its way to Redis."""

from collections.abc import Callable

import attrs

from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import Ack, Kill, Later, Retry, Settlement
from kiq_trio.errors import DecodeError, EncodeError
from kiq_trio.events import Ended
from kiq_trio.job import Job


@attrs.define
class Unsettled:
    """A run that has ended, until Redis knows."""

    delivery: Delivery
    settlement: Settlement
    event: Ended | None


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
