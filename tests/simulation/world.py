"""A cluster, its mischief, and the judgement in the end.

A seed decides everything: which processes there are, what they are asked to do, in
which order their tasks run, what gets lost on the way, who is killed and who is
stopped. After some time of mischief everything is well again, and a while later all
that was ever acknowledged must have ended.
"""

import hashlib
import logging
from contextlib import ExitStack
from random import Random

import attrs
import trio

from kiq_trio import Job
from tests.simulation import scheduling
from tests.simulation.cluster import LATENESS
from tests.simulation.mischief import MISCHIEF, Mischief
from tests.simulation.mutants import Mutant, no_mutant
from tests.simulation.process import Node

PATIENCE = 300.0
"""So many seconds later all must be done: the dead are buried, retries are due."""
JOBS = 24
KINDS = ("nap", "nap", "nap", "flaky", "doomed", "unique", "unique", "alone")
KEPT = (
    "queues",
    "stat:",
    "kiq:registrations",
    "kiq:ticks",
    "kiq:periodics",
    "kiq:term",
    "kiq:orders",
    "kiq:flush|",
    "j|",
    "h|",
    "process_cleanup",
    "processes",
    "dead",
)
"""What may be there when all is done and all have left; most of it expires."""


@attrs.frozen
class Report:
    """What came of one seed.

    Attributes:
        seed: which.
        trace: all that happened.
        violation: what must not have been, if something was.
        jobs: how many were acknowledged.
        extra: how many runs were not the first that ended of their job.
        faults: how many processes were killed or stopped, lines cut, outages made.
    """

    seed: int
    trace: list[str]
    violation: str | None
    jobs: int
    extra: int
    faults: int

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def simulate(seed: int, mutant: Mutant = no_mutant) -> Report:
    """Play *seed*; a violation ends it at once."""
    world = World(Random(seed))
    logging.disable(logging.CRITICAL)
    try:
        with ExitStack() as patches:
            world.witness.mutants = mutant(patches)
            scheduling.run(seed, world.live)
    finally:
        logging.disable(logging.NOTSET)
    return Report(
        seed,
        world.witness.trace,
        world.witness.objection,
        len(world.acknowledged),
        world.journal.extra,
        world.faults,
    )


@attrs.define(eq=False)
class World(Mischief):
    """All there is, from its beginning to its end.

    Attributes:
        acknowledged: the jobs that somebody was told are stored, by label.
    """

    acknowledged: dict[str, str] = attrs.field(factory=dict)
    _kinds: tuple[str, ...] = KINDS
    _life: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.witness.on_objection = self._give_up
        if self.chance.random() < 0.25:
            self._kinds += ("fatal",)

    async def live(self) -> None:
        """Live through it, or until something has been that must not be."""
        with self._life:
            await self._play()
            self._judge()

    async def _play(self) -> None:
        async with trio.open_nursery() as nursery:
            try:
                await self._direct(nursery)
            except BaseException:
                # Who is stopped would never end.
                self._give_up()
                raise
            nursery.cancel_scope.cancel()

    async def _direct(self, nursery: trio.Nursery) -> None:
        for _ in range(self.chance.choice((2, 2, 3))):
            await self._start(nursery)
        client = await self._start(nursery, is_server=False)
        async with trio.open_nursery() as enqueuers:
            for _ in range(3):
                enqueuers.start_soon(self._enqueue_some, client)
            await self._make_mischief(nursery)
            self._make_peace()
        await self._wait_done()
        for node in self.nodes:
            node.stopping.set()
        for node in self.nodes:
            await node.is_gone.wait()
        for node in self.dead:
            await node.bury()

    async def _enqueue_some(self, client: Node) -> None:
        for _ in range(JOBS // 3):
            await trio.sleep(self.chance.random() * MISCHIEF * 6 / JOBS)
            jobs = [self._job() for _ in range(self.chance.choice((1, 1, 1, 3)))]
            in_ = self.chance.choice((None, None, None, 20.0))
            self.witness.write(f"{[job.args[0] for job in jobs]} on their way")
            for job in await client.kiq.enqueue_many(jobs, in_=in_):
                if job.duplicate_of is None:
                    self.acknowledged[job.args[0]] = job.job_class
                    self.witness.write(f"{job.args[0]} is stored as {job.jid}")

    def _job(self) -> Job:
        kind = self.chance.choice(self._kinds)
        if kind == "fatal":
            # One is enough: until it is given up, three processes have died.
            self._kinds = KINDS
        self._count += 1
        label = f"{kind}-{self._count}"
        seconds = self.chance.choice((0.0, 0.5, 4.0, 12.0))
        [found] = [
            one
            for one in self.servers[0].kiq.config.workers.values()
            if one.name == kind
        ]
        return found.new(label, seconds)

    def _give_up(self) -> None:
        for node in self.everyone:
            node.give_up()
        self._life.cancel()

    async def _wait_done(self) -> None:
        """Wait until nothing waits, is held, or will be due.

        Late copies may still come meanwhile, and must find nothing to do.
        """
        began = trio.current_time()
        while not self._is_done():
            await trio.sleep(2)
            if trio.current_time() > began + PATIENCE:
                self.witness.object(f"stuck: {self.witness.places()}")
                await trio.lowlevel.checkpoint()
        await trio.sleep_until(began + LATENESS)

    def _is_done(self) -> bool:
        registered = self.witness.peek("HLEN", "kiq:processes")
        waiting = set(self.witness.places()) - {"dead"}
        return not waiting and registered <= len(self.servers)

    def _judge(self) -> None:
        places = self.witness.places()
        for label, kind in self.acknowledged.items():
            mark = f'"{label}"'.encode()
            is_dead = any(mark in one for one in places.get("dead", []))
            if not (self.journal.has_ended(label) or is_dead):
                self.witness.object(f"{label} is lost")
            if is_dead and kind != "doomed" and self.journal.has_ended(label):
                self.witness.object(f"{label} has ended, and is dead")
        left = [key.decode() for key in self.witness.peek("KEYS", "*")]
        # A tick may come when everybody is leaving.
        queued = places.get("queue:default", [])
        if all(b'"class":"tick"' in payload for payload in queued):
            left = [key for key in left if key != "queue:default"]
        # A late copy of a heartbeat shows who has left, but for a minute only.
        strange = sorted(
            key
            for key in left
            if not key.startswith(KEPT) and self.witness.peek("TTL", key) < 0
        )
        if strange:
            self.witness.object(f"left behind: {strange}")
