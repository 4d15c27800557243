"""A process of the simulation: a whole `Kiq`, its way to Redis, and its end."""

from collections.abc import Callable
from random import Random
from typing import Any

import attrs
import trio

from kiq_trio import Kiq, worker
from kiq_trio.current import current_job
from kiq_trio.periodic import Periodic
from kiq_trio.testing import FaultyServer
from kiq_trio.timing import Timing
from kiq_trio.worker import AnyWorker
from tests.simulation.journal import Journal, Run, spend
from tests.simulation.scheduling import Process
from tests.simulation.witness import NEVER

TIMING = attrs.evolve(
    Timing(),
    beat=8,
    observe=6,
    renewal=12,
    poll=10,
    wait=30,
    heartbeat=60,
    retry=0.02,
)
"""As in production, but with fewer looks at what has not changed: they cost most."""


class Way(FaultyServer):
    """A way to Redis on which nobody is told of what others write."""

    def watch(self, keys: Any) -> trio.Event:
        return trio.Event()


@attrs.define(eq=False)
class Node:
    """A process.

    Attributes:
        name: what the trace calls it.
        way: to Redis.
        journal: where its runs are written down.
        random: its own chance.
        tasks: all of its tasks.
        is_dead: whether it was killed.
        was_stopped: whether it ever was.
        well_since: when the last outage ended that alone kept it from being heard.
        stopping: set to ask for a graceful stop.
        is_gone: set when it has ended.
        on_fatal: called when a job is its end.
        scope: around all that it does.
        kiq: what runs in it, once it does.
    """

    name: str
    way: Way
    journal: Journal
    random: Random
    is_server: bool = True
    tasks: Process = attrs.field(factory=Process)
    is_dead: bool = False
    was_stopped: bool = False
    well_since: float = NEVER
    stopping: trio.Event = attrs.field(factory=trio.Event)
    is_gone: trio.Event = attrs.field(factory=trio.Event)
    on_fatal: Callable[["Node"], None] = attrs.field(default=lambda _: None)
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    kiq: Kiq = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        workers = self._workers()
        self.kiq = Kiq(
            redis_url=self.way,
            random=self.random.random,
            timing=TIMING,
            server=self.is_server,
            workers=workers,
            queues={"default": 4, "other": 2},
            periodics=[Periodic("* * * * *", workers[-1], name="tick")],
            shutdown_timeout=5,
        )

    async def live(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Be a process, until it is told to stop, or killed."""
        task_status.started()
        try:
            with self.tasks.entered(), self.scope:
                async with self.kiq:
                    await self.stopping.wait()
        finally:
            self.is_gone.set()

    def stop(self) -> None:
        """Let it stand still, as SIGSTOP does."""
        self.was_stopped = True
        self.tasks.stop()

    def resume(self) -> None:
        """Let it go on."""
        self.tasks.resume()

    def is_well_as(self, identity: str) -> bool:
        """Whether it lives under that name, and can be heard."""
        house = self.kiq._house
        plant = house.plant if house is not None else None
        return (
            plant is not None
            and plant.lease.identity == identity
            and not self.is_unwell
        )

    @property
    def is_unwell(self) -> bool:
        """Whether it cannot be heard now."""
        return self.is_dead or self.tasks.is_stopped or self.way.is_away

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.is_dead = True
        self.tasks.stop()
        self.way.die()

    def give_up(self) -> None:
        """End it, since the simulation ends."""
        self.is_dead = True
        self.way.go_away()
        self.scope.cancel()
        self.tasks.resume()

    async def bury(self) -> None:
        """Clean up what is left of one that was killed; Redis hears nothing of it."""
        self.scope.cancel()
        self.tasks.resume()
        await self.is_gone.wait()

    def _workers(self) -> list[AnyWorker]:
        @worker()
        async def nap(label: str, seconds: float) -> None:
            await self._run("nap", label, seconds)

        @worker(retry=20)
        async def flaky(label: str, seconds: float) -> None:
            # Not often, for the times between retries grow fast.
            times = sum(run.state == "failed" for run in self.journal.runs[label])
            fails = times < 3 and self.random.random() < 0.5
            await self._run("flaky", label, seconds, fails=fails)

        @worker(retry=0)
        async def doomed(label: str, seconds: float) -> None:
            await self._run("doomed", label, seconds, fails=True)

        @worker(unique_for=36_000, unique_key=lambda label, seconds: seconds)
        async def unique(label: str, seconds: float) -> None:
            await self._run(f"unique {seconds}", label, seconds)

        @worker(exclusive=True, queue="other")
        async def alone(label: str, seconds: float) -> None:
            await self._run("alone", label, seconds)

        @worker()
        async def fatal(label: str, seconds: float) -> None:
            self.journal.begin(self._new_run("fatal", label))
            self.on_fatal(self)
            await trio.sleep_forever()

        @worker()
        async def tick() -> None:
            await self._run("tick", f"tick-{current_job().jid}", 1.0)

        return [nap, flaky, doomed, unique, alone, fatal, tick]

    async def _run(
        self, kind: str, label: str, seconds: float, *, fails: bool = False
    ) -> None:
        run = self._new_run(kind, label)
        await spend(self.journal, run, seconds, fails=fails)

    def _new_run(self, kind: str, label: str) -> Run:
        return Run(
            label,
            self._holder(),
            kind,
            is_dead=lambda: self.is_dead,
            is_excused=lambda: self.was_stopped,
        )

    def _holder(self) -> str:
        """Return under which of our names the job is held that runs here."""
        plant = self.kiq._running().plant
        assert plant is not None
        jid = current_job().jid
        [identity] = {
            run.delivery.identity
            for run in plant.ledger.running.values()
            if run.job is not None and run.job.jid == jid
        }
        return identity
