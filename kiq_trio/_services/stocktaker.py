"""Compares what Redis says that we hold with what we do hold, after each outage.

A replica that has taken over, or a Redis that came back with an older file, may not
have heard that some of our jobs are done. They lie in our backup, and we live: nobody
else would ever look there. So they go back to their queues, and run once more.
"""

import logging
from collections.abc import Iterator, Sequence

import attrs
import trio
from redis.exceptions import RedisError

from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._pipeline.crew import Crew
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.runs import Run
from kiq_trio._pipeline.settler import Settler
from kiq_trio._store.burying import Held, read_grave
from kiq_trio._store.fetching import Delivery
from kiq_trio._wire.client import Redis

logger = logging.getLogger("kiq_trio.rescuer")


@attrs.define(eq=False)
class Stocktaker:
    """Gives back what we do not know that we hold.

    Attributes:
        redis: where our backup is.
        lease: whose it is.
        crews: know what waits here, and which calls are answered.
        ledger: knows what runs.
        settler: knows what has ended, and takes what goes back.
        interval: seconds between two questions whether there was an outage.
    """

    redis: Redis
    lease: Lease
    crews: Sequence[Crew]
    ledger: Ledger
    settler: Settler
    interval: float
    _generation: int = attrs.field(init=False)
    _complaints: Complaints = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._generation = self.redis.generation
        self._complaints = Complaints(
            logger, "what we hold is not looked at", "what we hold is looked at again"
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Look after each outage, for ever."""
        task_status.started()
        while True:
            await trio.sleep(self.interval)
            generation = self.redis.generation
            if generation == self._generation:
                continue
            try:
                await self.look()
            except RedisError as error:
                self._complaints.make(error)
            else:
                self._complaints.withdraw()
                self._generation = generation

    async def look(self) -> None:
        """Look into our backup once."""
        identity = self.lease.identity
        seen = {one.delivery_id for one in await self._find_strange(identity)}
        if not seen:
            return
        # What was settled while the answer was on its way is not there any more.
        again = await self._find_strange(identity)
        strange = [one for one in again if one.delivery_id in seen]
        for one in strange:
            delivery = Delivery(one.delivery_id, one.queue, one.payload, identity)
            self.settler.add(Run(delivery))
        if strange:
            logger.warning(
                "Redis has gone back in time: %d jobs that we were done with are in "
                "their queues again",
                len(strange),
            )

    async def _find_strange(self, identity: str) -> list[Held]:
        """Return what lies in our backup, and what we do not know of."""
        held = await read_grave(self.redis, identity)
        known = {delivery.id for delivery in self._known()}
        calls = {crew.producer.queue: crew.producer.call for crew in self.crews}
        strange = []
        for one in held:
            producer, call = _parts(one.delivery_id)
            # Of a call without an answer its producer does not know yet either.
            if one.delivery_id not in known and call < calls.get(producer, 0):
                strange.append(one)
        return strange

    def _known(self) -> Iterator[Delivery]:
        for crew in self.crews:
            yield from crew.waiting
        for run in (*self.ledger.running.values(), *self.settler.unsettled):
            yield run.delivery


def _parts(delivery_id: str) -> tuple[str, int]:
    """Return whose call it was, and its number; of a hand's work, nobody's."""
    producer, _, call = delivery_id.rpartition(".")[0].rpartition(".")
    return (producer, int(call)) if call.isdecimal() else ("", 0)
