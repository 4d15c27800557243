"""Those who stage what is due and give back what the dead held."""

from kiq_trio._store.burying import (
    Rescued,
    bury,
    bury_orphan,
    drain,
    look_around,
    read_grave,
)
from kiq_trio._store.moving import Move, move
from kiq_trio._store.registering import read_counters
from kiq_trio._store.replies import read_scores
from kiq_trio._store.staging import read_due, stage
from tests.store.direct import LINE
from tests.store.locks import lock_for
from tests.store.processes import Processes
from tests.store.surroundings import LIMIT, LONG, QUEUES, Surroundings


class Services:
    """They stage, bury and drain; any number of them, at the same time."""

    def __init__(self, world: Surroundings, processes: Processes) -> None:
        self._world = world
        self._processes = processes

    def start_stage(self) -> None:
        source = self._world.chance.choice(("schedule", "retry"))
        self._world.begin(f"stage {source}", self.stage(source))

    async def stage(self, source: str) -> None:
        due = await read_due(LINE, source)
        moves = []
        for member, score in due.entries:
            queue = self._world.chance.choice((*QUEUES, *QUEUES, *QUEUES, None))
            new = member if queue is None else member + b"s"
            moves.append(Move(member, score, queue, self.unlike_any(new)))
        await stage(LINE, source, moves)

    def start_move(self) -> None:
        source = self._world.chance.choice(("schedule", "retry", "dead"))
        self._world.begin(f"move from {source}", self._move(source))

    async def _move(self, source: str) -> None:
        """Somebody runs jobs again, or kills them, whether they are due or not."""
        reply = await LINE.raw("ZRANGE", source, 0, 3, "WITHSCORES")
        moves = []
        for member, score in read_scores(reply):
            queue = self._world.chance.choice((*QUEUES, None))
            if source == "dead" and queue is None:
                continue
            moves.append(Move(member, score, queue, self.unlike_any(member + b"m")))
        await move(LINE, source, moves)

    def start_rescue(self) -> None:
        rescues = (self._bury, self._bury_orphans, self._drain)
        rescue = self._world.chance.choice(rescues)
        self._world.begin(rescue.__name__.strip("_"), rescue())

    async def _bury(self) -> None:
        counters = await read_counters(LINE)
        if counters:
            # Now and then it is a living one: its beats were lost.
            alive = {p.identity for p in self._processes.working()}
            dead = counters.keys() - alive
            is_wrong = not dead or self._world.chance.random() < 0.2
            victim = self._world.chance.choice(sorted(counters if is_wrong else dead))
            await bury(LINE, victim, counters[victim])

    async def _bury_orphans(self) -> None:
        for identity in sorted((await look_around(LINE)).orphans):
            await bury_orphan(LINE, identity)

    async def _drain(self) -> None:
        graves = sorted((await look_around(LINE)).graves)
        if not graves:
            return
        identity = self._world.chance.choice(graves)
        moves = []
        for held in await read_grave(LINE, identity):
            to_dead = self._world.chance.random() < 0.2
            payload = self.unlike_any(held.payload + b"d")
            lock = lock_for(held.payload) if to_dead else None
            moves.append(Rescued(held, payload, to_dead=to_dead, lock=lock))
        if self._world.chance.random() < 0.5:
            moves = moves[1:]
        await drain(
            LINE,
            identity,
            moves,
            now=self._world.now,
            dead_limit=LIMIT,
            dead_timeout=LONG,
        )

    async def bury_all(self) -> None:
        for identity, counter in (await read_counters(LINE)).items():
            await bury(LINE, identity, counter)
        await self._bury_orphans()
        for identity in sorted((await look_around(LINE)).graves):
            held = await read_grave(LINE, identity)
            moves = [Rescued(one, self.unlike_any(one.payload)) for one in held]
            await drain(
                LINE,
                identity,
                moves,
                now=self._world.now,
                dead_limit=LIMIT,
                dead_timeout=LONG,
            )

    def unlike_any(self, payload: bytes) -> bytes:
        # The dead set keeps equal payloads once, by design; keep the books simple.
        return payload + b"%d" % self._world.count()
