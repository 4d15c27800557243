"""How far Ruby's iterable jobs have come."""

from collections.abc import Sequence
from typing import Self

import attrs

from kiq_trio._store import iterating
from kiq_trio._wire.client import Redis


@attrs.frozen
class Iteration(iterating.Iteration):
    """How far an iterable job has come, as it told Redis last (wire.md §6).

    It tells it about every 5 s, and when it is interrupted. It is made by `read`::

        state = await api.Iteration.read(kiq.redis, job.jid)
        if state is not None:
            print(state.cursor, state.runtime)

    Whether a job is to stop is said by `kiq.cancel(jid)`, to those as to all others.
    """

    @classmethod
    async def read(cls, redis: Redis, jid: str) -> Self | None:
        """Return that of one job; None if it is not iterable, or has not begun."""
        return (await cls.read_many(redis, [jid])).get(jid)

    @classmethod
    async def read_many(cls, redis: Redis, jids: Sequence[str]) -> dict[str, Self]:
        """Return those of many jobs by their jid, in one round trip."""
        found = await iterating.read_iterations(redis, jids)
        return {
            jid: cls(*attrs.astuple(one, recurse=False)) for jid, one in found.items()
        }
