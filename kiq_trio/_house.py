"""Who is inside whom: the nursery tree of a running `Kiq`.

    wire                       last to go
      buffer                   a client stops here
        reporters
          presence             alive while anything runs
            heart, stager, rescuer
              settler          outlives the consumers
                crews          consumers, and inside them the producers

The blocks below nest in this order, and leaving them is the graceful stop: each
service runs until nobody depends on it. All share one deadline.
"""

import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from kiq_trio._background import background
from kiq_trio._pipeline.broadcast import Broadcast, Mailbox
from kiq_trio._pipeline.buffer import Buffer
from kiq_trio._pipeline.consumer import Consumer
from kiq_trio._pipeline.crew import Crew
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.producer import Producer
from kiq_trio._pipeline.runner import Runner
from kiq_trio._pipeline.settler import Settler
from kiq_trio._pipeline.slots import Slots
from kiq_trio._services.heartbeat import Heart, Portrait
from kiq_trio._services.presence import Presence
from kiq_trio._services.rescuer import Rescuer
from kiq_trio._services.stager import Stager
from kiq_trio._services.watchdog import Watchdog
from kiq_trio._store.fitness import check_fitness
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.seam import Server
from kiq_trio.config import Config
from kiq_trio.reporter import Reporter

logger = logging.getLogger("kiq_trio")

_AFTERMATH = 1.0
"""Seconds after the deadline in which the last settlements are written."""


@attrs.frozen
class Tools:
    """What the house takes from outside, so that tests can bring their own.

    Attributes:
        server: the Redis to use.
        now: returns epoch seconds.
        random: returns chance, from 0 up to 1.
    """

    server: Server
    now: Callable[[], float]
    random: Callable[[], float]


@attrs.define(eq=False)
class Stop:
    """When a stop must be over, once there is one.

    Attributes:
        deadline: when running jobs are cancelled, on Trio's clock.
    """

    deadline: float = math.inf

    def begin(self, grace: float) -> None:
        """Give running jobs *grace* seconds from now on."""
        self.deadline = min(self.deadline, trio.current_time() + grace)

    def in_time(
        self, finish: Callable[[], Awaitable[object]]
    ) -> Callable[[], Awaitable[None]]:
        """Return *finish*, given up soon after the deadline."""

        async def limited() -> None:
            # Still opening, and cancelled: nobody has set a deadline yet.
            if self.deadline == math.inf:
                self.begin(0)
            # Shielded, for a cancelled program must still write down what it
            # holds; short, for it wants to end.
            with trio.CancelScope(deadline=self.deadline + _AFTERMATH, shield=True):
                await finish()

        return limited


@attrs.define(eq=False)
class House:
    """The rooms of a running `Kiq`.

    Attributes:
        redis: the connection.
        buffer: jobs on their way to Redis.
        stop: when it must be over.
        plant: what runs jobs; None in a client.
    """

    redis: Redis
    buffer: Buffer
    stop: Stop
    plant: "Plant | None" = None


@attrs.define(eq=False)
class Plant:
    """What runs jobs.

    Attributes:
        lease: who we are in Redis.
        ledger: what runs now.
        settler: what has ended.
        crews: who works off which queue.
    """

    lease: Lease
    ledger: Ledger
    settler: Settler
    crews: Sequence[Crew]

    @property
    def is_idle(self) -> bool:
        """Whether no job is here that Redis believes to be."""
        return (
            not self.ledger.running
            and not self.settler.size
            and all(crew.slots.is_empty for crew in self.crews)
        )


@asynccontextmanager
async def open_house(
    config: Config,
    tools: Tools,
    *,
    client: str,
    portrait: Portrait,
    reporters: Sequence[Reporter],
    on_signal: Callable[[str], Awaitable[None]],
) -> AsyncIterator[House]:
    """Open all rooms; leaving the block is the graceful stop."""
    stop = Stop()
    async with open_redis(
        tools.server,
        scripts=SCRIPTS,
        command_timeout=config.timing.command,
        random=tools.random,
    ) as redis:
        buffer = Buffer(
            redis=redis,
            client=client,
            limit=config.buffer_limit,
            flush_interval=config.flush_interval,
            random=tools.random,
        )
        house = House(redis, buffer, stop)
        async with background(buffer.run, stop.in_time(_flush(buffer))):
            if not config.server:
                async with _stopping(stop, config):
                    yield house
                return
            if not tools.server.is_in_process:
                await check_fitness(redis)
            broadcast = Broadcast([Mailbox(reporter) for reporter in reporters])
            plant = _build_plant(config, tools, redis, broadcast)
            house.plant = plant
            async with (
                _reporting(broadcast, stop),
                _serving(config, tools, redis, plant, stop, portrait, on_signal),
                background(plant.settler.run, stop.in_time(plant.settler.drained)),
                _working(plant.crews, stop, plant.ledger),
                _stopping(stop, config),
            ):
                yield house


@asynccontextmanager
async def _stopping(stop: Stop, config: Config) -> AsyncIterator[None]:
    """Set the deadline: a while for those who leave, none for those who fall."""
    try:
        yield
    except BaseException:
        stop.begin(0)
        raise
    stop.begin(config.shutdown_timeout)


@asynccontextmanager
async def _reporting(broadcast: Broadcast, stop: Stop) -> AsyncIterator[None]:
    async def hear_the_rest() -> None:
        broadcast.close()
        await broadcast.wait_heard()

    async with background(broadcast.run, stop.in_time(hear_the_rest)):
        yield


@asynccontextmanager
async def _serving(
    config: Config,
    tools: Tools,
    redis: Redis,
    plant: Plant,
    stop: Stop,
    portrait: Portrait,
    on_signal: Callable[[str], Awaitable[None]],
) -> AsyncIterator[None]:
    """Be present in the cluster, and do our share of its work."""
    timing, lease = config.timing, plant.lease

    def give_up_runs() -> None:
        for crew in plant.crews:
            crew.cancel_runs()

    presence = Presence(
        redis=redis,
        server=tools.server,
        lease=lease,
        timing=timing,
        watchdog=Watchdog(
            blocked_after=timing.blocked_after, blocked_limit=timing.blocked_limit
        ),
        on_burial=give_up_runs,
    )
    heart = Heart(
        redis=redis,
        lease=lease,
        ledger=plant.ledger,
        portrait=portrait,
        interval=timing.heartbeat,
        is_quiet=lambda: lease.is_quiet or stop.deadline < math.inf,
        on_signal=on_signal,
    )
    stager = Stager(
        redis, tools.server, config.schedulers, timing.poll, tools.now, tools.random
    )
    rescuer = Rescuer(redis, timing, tools.now, config.dead_limit, config.dead_timeout)
    async with (
        background(presence.run, stop.in_time(presence.leave)),
        background(heart.run, stop.in_time(heart.vanish)),
        background(stager.run),
        background(rescuer.run),
    ):
        yield


@asynccontextmanager
async def _working(
    crews: Sequence[Crew], stop: Stop, ledger: Ledger
) -> AsyncIterator[None]:
    """Let the crews work; leaving waits for them, for a while or for the deaf."""
    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as workers:
            for crew in crews:
                await workers.start(crew.run)
            try:
                yield
            except BaseException as error:  # noqa: BLE001 - raised again below.
                failure = error
            for crew in crews:
                crew.stop(stop.deadline)
            nursery.start_soon(_name_the_deaf, stop, ledger)
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _name_the_deaf(stop: Stop, ledger: Ledger) -> None:
    """Say which jobs keep us from leaving, once they have been cancelled in vain."""
    await trio.sleep_until(stop.deadline + _AFTERMATH)
    for run in list(ledger.running.values()):
        logger.error(
            "still waiting for a job that does not hear its cancellation: %s",
            run.delivery.payload.decode(errors="replace")[:200],
        )


def _flush(buffer: Buffer) -> Callable[[], Awaitable[None]]:
    async def flush() -> None:
        try:
            await buffer.flush()
        finally:
            for entry in buffer.unsent():
                logger.error("job %s never reached Redis", entry.jid)

    return flush


def _build_plant(
    config: Config, tools: Tools, redis: Redis, broadcast: Broadcast
) -> Plant:
    lease = Lease()
    ledger = Ledger(now=tools.now)
    settler = Settler(
        redis=redis,
        lease=lease,
        broadcast=broadcast,
        dead_limit=config.dead_limit,
        dead_timeout=config.dead_timeout,
        limit=4 * sum(config.queues.values()),
        random=tools.random,
    )
    runner = Runner(
        workers=config.workers,
        lease=lease,
        threads=trio.CapacityLimiter(config.threads),
        clock=trio.lowlevel.current_clock().current_time,
    )
    shared: dict[str, Any] = {
        "runner": runner,
        "settler": settler,
        "broadcast": broadcast,
        "ledger": ledger,
        "random": tools.random,
        "retry_factor": config.timing.retry,
    }
    crews = []
    for place, (queue, size) in enumerate(config.queues.items()):
        slots = Slots()
        producer = Producer(
            redis=redis,
            queue=queue,
            slots=slots,
            lease=lease,
            can_wait=place < config.pool_size,
            interval=config.fetch_interval,
            wait=config.timing.wait,
            random=tools.random,
        )
        consumers = [
            Consumer(name=f"{queue}-{number}", slots=slots, **shared)
            for number in range(size)
        ]
        crews.append(Crew(producer, consumers, slots, settler))
    return Plant(lease, ledger, settler, crews)
