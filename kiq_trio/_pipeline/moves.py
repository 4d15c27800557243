"""Moves what has ended to its next place in Redis, and asks again while it clashes."""

import logging
from collections.abc import Callable, Iterable, Sequence

import attrs

from kiq_trio._pipeline.runs import ACK, Run, distinguish
from kiq_trio._store.settling import Settled, acknowledge, settle
from kiq_trio._wire.client import Redis

logger = logging.getLogger("kiq_trio.settler")


@attrs.define(eq=False)
class Moves:
    """Moves jobs, many in one round trip.

    Attributes:
        redis: where they are.
        dead_limit: how many jobs the dead set keeps.
        dead_timeout: for how many seconds.
        random: returns chance, from 0 up to 1.
    """

    redis: Redis
    dead_limit: int
    dead_timeout: float
    random: Callable[[], float]

    async def make(self, batch: list[Run], *, again: bool = False) -> None:
        """Move the jobs of *batch* to where they go.

        Args:
            batch: runs that have ended, the oldest first.
            again: whether Redis may have moved them already.

        Raises:
            redis.exceptions.ResponseError: Redis refuses; what was refused is ours.
        """
        # Since a burial or a loss we have another name; what we took before is
        # held under the old one. The newer name first, so that what the older
        # one held comes in front of it.
        names = dict.fromkeys([run.delivery.identity for run in batch])
        for name in reversed(names):
            held = batch
            if len(names) > 1:
                held = [run for run in batch if run.delivery.identity == name]
            await self._make_of(name, held, again=again)

    async def _make_of(self, identity: str, batch: list[Run], *, again: bool) -> None:
        generation = self.redis.generation
        pending = batch
        while pending:
            results = await self._ask(identity, pending)
            # Asked more than once, Redis may have moved at first what is gone now:
            # no reason to say that others have it.
            again = again or self.redis.generation != generation
            clashes, gone = [], []
            for run, result in zip(pending, results, strict=True):
                if result is Settled.CLASH:
                    run.settlement = distinguish(run.settlement, self.random)
                    clashes.append(run)
                elif result is Settled.GONE:
                    gone.append(run)
            if not again:
                tell_gone(gone)
            pending = clashes

    async def _ask(self, identity: str, batch: list[Run]) -> Sequence[Settled]:
        ids = [run.delivery.id for run in batch if run.settlement is ACK]
        if len(ids) == len(batch):
            # Nearly always all is done with, and told in a third of the time.
            return await acknowledge(self.redis, identity, ids)
        return await settle(
            self.redis,
            identity,
            [(run.delivery, run.settlement) for run in batch],
            dead_limit=self.dead_limit,
            dead_timeout=self.dead_timeout,
        )


def tell_gone(runs: Iterable[Run]) -> None:
    """Log that *runs* were held by us no more when they ended."""
    for run in runs:
        logger.warning(
            "a run ended too late: its job had been given to another "
            "process (delivery %s)",
            run.delivery.id,
        )
