"""Those who fetch, settle, beat and leave."""

import attrs

from kiq_trio._store.fetching import Delivery, fetch
from kiq_trio._store.registering import Beat, beat, leave, register
from kiq_trio._store.settling import (
    Ack,
    Kill,
    Later,
    Requeue,
    Retry,
    Settled,
    Settlement,
    settle,
)
from kiq_trio.errors import FencedError, QueuePausedError
from tests.store.direct import LINE
from tests.store.locks import jid_of, lock_for
from tests.store.surroundings import LIMIT, LONG, QUEUES, Process, Surroundings


class Processes:
    """They register, fetch, settle, beat and leave."""

    def __init__(self, world: Surroundings) -> None:
        self._world = world
        self.all: list[Process] = []

    def working(self) -> list[Process]:
        return [process for process in self.all if process.is_working]

    def start_process(self) -> None:
        if len(self.working()) < 3:
            process = Process(f"process{self._world.count()}")
            self.all.append(process)
            work = self.register(process)
            self._world.begin(f"register of {process.identity}", work, process)

    async def register(self, process: Process) -> None:
        process.number = await register(
            LINE, process.identity, randbelow=self._world.chance.randrange
        )
        process.losses = self._world.losses
        process.is_alive = process.is_registered = process.number > 0

    def start_fetch(self) -> None:
        queue = self._world.chance.choice(QUEUES)
        idle = [p for p in self.working() if queue not in p.fetching]
        if idle:
            process = self._world.chance.choice(idle)
            process.calls[queue] += 1
            process.fetching[queue] = f"{queue}.{process.calls[queue]}."
            limit = self._world.chance.randint(1, 5)
            work = self._fetch(process, queue, limit)
            self._world.begin(f"fetch of {process.identity}", work, process)

    async def _fetch(self, process: Process, queue: str, limit: int) -> None:
        identity, call = process.identity, process.calls[queue]
        deliveries = []
        try:
            deliveries = await fetch(
                LINE,
                identity=identity,
                producer=queue,
                call=call,
                queue=queue,
                limit=limit,
            )
        except FencedError:
            process.is_registered = False
        except QueuePausedError:
            pass
        for delivery in deliveries:
            process.running[delivery.id] = delivery
            self._world.ledger.meant[identity, delivery.id] = delivery.payload
        del process.fetching[queue]

    def start_settle(self) -> None:
        idle = [p for p in self.working() if p.running and not p.settling]
        if idle:
            process = self._world.chance.choice(idle)
            ids = list(process.running)
            ids = ids[: self._world.chance.randint(1, len(ids))]
            process.settling = {id_: process.running.pop(id_) for id_ in ids}
            work = self._settle(process)
            self._world.begin(f"settle of {process.identity}", work, process)

    async def _settle(self, process: Process) -> None:
        batch = [(d, self._decide(d)) for d in process.settling.values()]
        while batch:
            settled = await settle(
                LINE, process.identity, batch, dead_limit=LIMIT, dead_timeout=LONG
            )
            # As the settler does: what clashes stays on its way until it is there,
            # for a late copy of the first attempt may yet settle it.
            batch = [
                (delivery, self._distinguish(settlement))
                for (delivery, settlement), how in zip(batch, settled, strict=True)
                if how is Settled.CLASH
            ]
        process.settling = {}

    def _distinguish(self, settlement: Settlement) -> Settlement:
        assert isinstance(settlement, Retry | Kill | Later)
        mark = b"c%d" % self._world.count()
        return attrs.evolve(settlement, payload=settlement.payload + mark)

    def _decide(self, delivery: Delivery) -> Settlement:
        # Two entries with one jid fail alike, so their payloads clash. The second
        # attempt to settle may draw a number, as `kiq_copy` does.
        mark = b"#%d" % self._world.chance.choice((0, 0, self._world.count()))
        failed = jid_of(delivery.payload) + mark
        lock = lock_for(delivery.payload)
        due_at = self._world.now + self._world.chance.choice((-1, 10))
        options: tuple[Settlement, ...] = (
            Ack(lock),
            Retry(due_at, failed, lock),
            Retry(due_at, failed, lock),
            Later(due_at, failed, lock),
            Kill(self._world.now, failed, lock),
            Requeue(),
        )
        return self._world.chance.choice(options)

    def start_beat(self) -> None:
        if working := self.working():
            process = self._world.chance.choice(working)
            self._world.begin(
                f"beat of {process.identity}", self._beat(process), process
            )

    async def _beat(self, process: Process) -> None:
        verdict = await beat(LINE, process.identity, process.number)
        if verdict is not Beat.ALIVE:
            is_forgotten = self._world.losses > process.losses
            assert verdict is (Beat.FORGOTTEN if is_forgotten else Beat.BURIED)
            process.is_registered = False

    def start_leave(self) -> None:
        ready = [p for p in self.working() if not (p.fetching or p.settling)]
        if ready:
            process = self._world.chance.choice(ready)
            process.is_leaving = True
            self._world.begin(
                f"leave of {process.identity}", self.leave(process), process
            )

    async def leave(self, process: Process) -> None:
        await leave(LINE, process.identity)
        process.is_alive = False

    async def work_off(self, process: Process, queue: str) -> None:
        while True:
            process.calls[queue] += 1
            await self._fetch_all(process, queue)
            if not process.running:
                return
            process.settling, process.running = process.running, {}
            batch: list[tuple[Delivery, Settlement]] = [
                (delivery, Ack(lock_for(delivery.payload)))
                for delivery in process.settling.values()
            ]
            await settle(
                LINE, process.identity, batch, dead_limit=LIMIT, dead_timeout=LONG
            )
            process.settling = {}

    async def _fetch_all(self, process: Process, queue: str) -> None:
        process.fetching[queue] = f"{queue}.{process.calls[queue]}."
        await self._fetch(process, queue, 100)
