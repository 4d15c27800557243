"""Naming the job that is to blame if this process dies."""

from kiq_trio._store.doubt import persist_one
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.keys import PROCESSES, backup_key, calls_key
from kiq_trio._store.scripts import SUSPECT
from kiq_trio._wire.client import Redis


async def suspect(redis: Redis, delivery: Delivery, number: int) -> bool:
    """Name *delivery* in the place of the one before; False if it is not ours.

    Then it may not begin: others have it, or will have it soon. May be repeated: a
    late copy, whose *number* is lower than the last, names nothing.
    """
    identity = delivery.identity
    keys = (PROCESSES, backup_key(identity), calls_key(identity))
    return bool(
        await persist_one(redis, SUSPECT(keys, (identity, delivery.id, number)))
    )
