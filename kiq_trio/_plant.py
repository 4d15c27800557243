"""What runs jobs: the crews, and what they share."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Any

import attrs
import trio

from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.buffer import Buffer
from kiq_trio._pipeline.closed import Closed
from kiq_trio._pipeline.consumer import Consumer
from kiq_trio._pipeline.crew import Crew
from kiq_trio._pipeline.failing import Failures
from kiq_trio._pipeline.gate import Gate
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.producer import Producer
from kiq_trio._pipeline.recalls import Recall, Recalls
from kiq_trio._pipeline.runner import Runner
from kiq_trio._pipeline.runs import Run
from kiq_trio._pipeline.settler import Settler
from kiq_trio._pipeline.slots import Slots
from kiq_trio._pipeline.suspects import Suspects
from kiq_trio._services.leadership import Leadership
from kiq_trio._stop import AFTERMATH, Stop
from kiq_trio._store.keys import PAUSED
from kiq_trio._store.ordering import REMEMBERED, Order
from kiq_trio._wire.client import Redis
from kiq_trio._wire.seam import Server
from kiq_trio.config import Config
from kiq_trio.stats import Stats

logger = logging.getLogger("kiq_trio")

_UNSETTLED = 4
"""So many runs of each consumer may end before Redis knows of the first."""


@attrs.frozen
class Tools:
    """What the house takes from outside, so that tests can bring their own.

    Attributes:
        server: the Redis to use.
        now: returns epoch seconds.
        random: returns chance, from 0 up to 1.
        buffer: makes what holds jobs on their way to Redis.
    """

    server: Server
    now: Callable[[], float]
    random: Callable[[], float]
    buffer: Callable[..., Buffer] = Buffer


@attrs.define(eq=False)
class Plant:
    """What runs jobs.

    Attributes:
        lease: who we are in Redis.
        ledger: what runs now.
        settler: what has ended.
        runner: what performs jobs.
        crews: who works off which queue.
        recalls: which jobs were cancelled.
        leadership: whether we lead the cluster; None if we never do.
        has_own_threads: whether their number is given; else it is that of jobs.
    """

    lease: Lease
    ledger: Ledger
    settler: Settler
    runner: Runner
    crews: Sequence[Crew]
    recalls: Recalls
    leadership: Leadership | None
    has_own_threads: bool

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs, waits for a consumer, or waits to be settled."""
        return (
            not self.ledger.running
            and not self.settler.size
            and all(crew.slots.is_empty for crew in self.crews)
        )

    @property
    def sizes(self) -> dict[str, int]:
        """How many jobs of each queue may run at once."""
        return {crew.producer.queue: crew.size for crew in self.crews}

    def resize(self, queue: str, size: int) -> None:
        """Let *size* jobs of *queue* run at once from now on.

        Raises:
            KeyError: nobody here works off that queue.
        """
        crews = {crew.producer.queue: crew for crew in self.crews}
        crews[queue].resize(size)
        total = sum(self.sizes.values())
        self.settler.limit = _UNSETTLED * total
        if not self.has_own_threads:
            self.runner.threads.total_tokens = total

    async def follow_cancel(self, order: Order) -> None:
        """Cancel a job, whether it runs here now or comes later."""
        recall = Recall(order.reason, order.at)
        self.recalls.add(order.subject, recall)
        for crew in self.crews:
            crew.cancel(order.subject, recall)


def build_plant(
    config: Config, tools: Tools, redis: Redis, broadcast: Broadcast, stats: Stats
) -> Plant:
    """Set up what *config* asks for; nothing runs yet."""
    lease = Lease()
    ledger = Ledger(now=tools.now, stats=stats)
    settler = Settler(
        redis=redis,
        broadcast=broadcast,
        ledger=ledger,
        dead_limit=config.dead_limit,
        dead_timeout=config.dead_timeout,
        limit=_UNSETTLED * config.total_concurrency,
        random=tools.random,
    )
    runner = build_runner(config, lease)
    recalls = Recalls(now=tools.now, lifetime=REMEMBERED)
    shared: dict[str, Any] = {
        "runner": runner,
        "settler": settler,
        "broadcast": broadcast,
        "ledger": ledger,
        "longest": 2 * config.payload_limit,
        "suspects": Suspects(redis),
        "gate": Gate(tools.now, recalls, Closed(config.closed, config.write_time)),
        "failures": Failures(
            workers=config.workers,
            on_death=config.on_death,
            now=tools.now,
            random=tools.random,
            retry_factor=config.timing.retry,
            write_time=config.write_time,
        ),
    }
    crews = []
    for place, (queue, size) in enumerate(config.concurrency.items()):
        slots = Slots()
        producer = Producer(
            redis=redis,
            queue=queue,
            slots=slots,
            settler=settler,
            lease=lease,
            can_wait=place < config.pool_size,
            interval=config.fetch_interval,
            wait=config.timing.wait,
            random=tools.random,
            watch=partial(tools.server.watch, (PAUSED,)),
        )
        names = (f"{queue}-{number}" for number in count())
        hire = partial(_hire, names, slots=slots, **shared)
        team = [hire() for _ in range(size)]
        crews.append(Crew(producer, team, slots, settler, hire))
    return Plant(
        lease=lease,
        ledger=ledger,
        settler=settler,
        runner=runner,
        crews=crews,
        recalls=recalls,
        leadership=Leadership() if config.campaign else None,
        has_own_threads=config.threads is not None,
    )


def _hire(names: Iterator[str], **options: Any) -> Consumer:
    return Consumer(name=next(names), **options)


def build_runner(config: Config, lease: Lease) -> Runner:
    """Set up what performs the jobs of the workers in *config*."""
    return Runner(
        workers=config.workers,
        lease=lease,
        threads=trio.CapacityLimiter(config.thread_limit),
        clock=trio.lowlevel.current_clock().current_time,
        middleware=config.server_middleware,
    )


@asynccontextmanager
async def working(plant: Plant, stop: Stop) -> AsyncIterator[None]:
    """Let the crews work; leaving waits for them, for a while or for the deaf."""
    failure: BaseException | None = None
    # Cancelled from outside, we must wait for the deaf as well, and name them.
    naming = trio.CancelScope(shield=True)
    async with trio.open_nursery() as nursery:
        try:
            async with trio.open_nursery() as workers:
                for crew in plant.crews:
                    await workers.start(crew.run)
                try:
                    yield
                except BaseException as error:  # noqa: BLE001 - raised again below.
                    failure = error
                for crew in plant.crews:
                    crew.stop(stop.deadline)
                nursery.start_soon(_name_the_deaf, naming, stop, plant.ledger)
        finally:
            naming.cancel()
    # The deaf have had their time; what they leave must still be written down.
    stop.deadline = max([stop.deadline, *(crew.over_at for crew in plant.crews)])
    if failure is not None:
        raise failure


async def _name_the_deaf(scope: trio.CancelScope, stop: Stop, ledger: Ledger) -> None:
    """Say which jobs keep us from leaving, once they have been cancelled in vain."""
    with scope:
        await trio.sleep_until(stop.deadline + AFTERMATH)
    if scope.cancelled_caught:
        return
    for run in list(ledger.running.values()):
        logger.error(
            "still waiting for a job that does not hear its cancellation: %s",
            _name(run),
        )


def _name(run: Run) -> str:
    return f"{run.job.jid} ({run.job.job_class})" if run.job is not None else "?"
