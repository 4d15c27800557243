"""Those who enqueue."""

from kiq_trio._store.enqueueing import Batch, Terms, enqueue
from tests.store.direct import LINE
from tests.store.locks import jid_of, lock_for
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
        terms = self._terms(jobs)
        if terms is None and self._world.chance.random() < 0.5:
            jobs.append(jobs[0])
        where = lane.partition("|")[2]
        if where == "schedule":
            jobs = sorted(set(jobs))
            scores = tuple(
                self._world.now + self._world.chance.choice((-1, 5)) for _ in jobs
            )
            terms = self._terms(jobs) if terms else None
            batch = Batch(lane, self._lanes[lane], None, tuple(jobs), scores, terms)
        else:
            batch = Batch(lane, self._lanes[lane], where, tuple(jobs), terms=terms)
        self._world.begin(lane, self._enqueue(batch))

    def _terms(self, jobs: list[bytes]) -> Terms | None:
        locks = tuple(map(lock_for, jobs))
        max_size = self._world.chance.choice((0, 0, 0, 2))
        if not any(locks) and not max_size:
            return None
        jids = tuple(jid_of(job).decode() for job in jobs)
        return Terms(jids, locks, max_size)

    async def _enqueue(self, batch: Batch) -> None:
        (verdict,) = await enqueue(LINE, [batch])
        assert not isinstance(verdict, Exception), verdict
        refused = {jid.encode() for jid in verdict or ()}
        stored = set(map(jid_of, batch.payloads)) - refused
        self._world.ledger.stored |= stored
        for jid in stored:
            assert self._world.is_stored(jid), (
                f"{jid!r} was told to be stored, and is not"
            )
        for jid in refused:
            assert self._world.ledger.is_torn or not self._world.is_stored(jid), (
                f"{jid!r} was told to be refused, and is stored"
            )
