"""Those who enqueue."""

from kiq_trio._store.enqueueing import Batch, enqueue
from tests.store.direct import LINE
from tests.store.ledger import jid_of
from tests.store.surroundings import QUEUES, Surroundings


class Clients:
    """They enqueue; each lane has one batch in flight."""

    def __init__(self, world: Surroundings) -> None:
        self._world = world
        self._lanes: dict[str, int] = {}

    def start_enqueue(self) -> None:
        if len(self._lanes) < 4 or self._world.chance.random() < 0.05:
            where = self._world.chance.choice(("schedule", *QUEUES))
            self._lanes[f"client{self._world.count()}|{where}"] = 0
        lane = self._world.chance.choice(sorted(self._lanes))
        if self._world.is_busy(lane):
            return
        self._lanes[lane] += 1
        jobs = [
            b"%d#" % self._world.count()
            for _ in range(self._world.chance.randint(1, 3))
        ]
        if self._world.chance.random() < 0.5:
            jobs.append(jobs[0])
        where = lane.partition("|")[2]
        if where == "schedule":
            jobs = sorted(set(jobs))
            scores = tuple(
                self._world.now + self._world.chance.choice((-1, 5)) for _ in jobs
            )
            batch = Batch(lane, self._lanes[lane], None, tuple(jobs), scores)
        else:
            batch = Batch(lane, self._lanes[lane], where, tuple(jobs))
        self._world.begin(lane, self._enqueue(batch))

    async def _enqueue(self, batch: Batch) -> None:
        (error,) = await enqueue(LINE, [batch])
        assert error is None, error
        self._world.ledger.stored.update(map(jid_of, batch.payloads))
        for jid in map(jid_of, batch.payloads):
            assert self._world.is_stored(jid), (
                f"{jid!r} was told to be stored, and is not"
            )
