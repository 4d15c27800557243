"""Who is inside whom: the nursery tree of a running `Kiq`.

    wire                       last to go
      buffer                   a client stops here
        broadcast              to the reporters
          presence             alive while anything runs
            heart, stager, rescuer, sweeper, ticker, candidate, courier
              settler          outlives the consumers
                crews          consumers, and inside them the producers

The blocks below nest in this order, and leaving them is the graceful stop: each
service runs until nobody depends on it. All share one deadline.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import attrs

from kiq_trio._background import background
from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.buffer import Buffer
from kiq_trio._pipeline.emptying import empty
from kiq_trio._pipeline.mailbox import Mailbox
from kiq_trio._plant import Plant, Tools, build_plant, working
from kiq_trio._services.candidate import Candidate
from kiq_trio._services.courier import Courier
from kiq_trio._services.dumper import Dumper
from kiq_trio._services.heartbeat import Heart, Portrait
from kiq_trio._services.presence import Presence
from kiq_trio._services.rescuer import Rescuer
from kiq_trio._services.stager import Stager
from kiq_trio._services.sweeper import Sweeper
from kiq_trio._services.ticker import Ticker
from kiq_trio._services.watchdog import Watchdog
from kiq_trio._stop import Stop
from kiq_trio._store.cancelling import CANCEL
from kiq_trio._store.dumping import DUMP
from kiq_trio._store.fitness import check_fitness
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio.config import Config
from kiq_trio.reporter import Reporter
from kiq_trio.stats import Stats

# Once a minute in production: only in case that the clock of Redis is put forward.
_LOOKS_AT_TICKS = 12


@attrs.define(eq=False)
class House:
    """The rooms of a running `Kiq`.

    Attributes:
        redis: the connection.
        buffer: jobs on their way to Redis.
        stop: when it must be over.
        plant: what runs jobs; None in a client.
        broadcast: who is told of them; None in a client, too.
        stand_in: in a sandbox, returns the house of the task that asks.
    """

    redis: Redis
    buffer: Buffer
    stop: Stop
    plant: Plant | None = None
    broadcast: Broadcast | None = None
    stand_in: "Callable[[], House] | None" = None


@asynccontextmanager
async def open_house(
    config: Config,
    tools: Tools,
    *,
    client: str,
    portrait: Portrait,
    reporters: Sequence[Reporter],
    stats: Stats,
    on_signal: Callable[[str], Awaitable[None]],
) -> AsyncIterator[House]:
    """Open all rooms; leaving the block is the graceful stop."""
    stop = Stop()
    async with open_redis(
        tools.server,
        scripts=SCRIPTS,
        command_timeout=config.command_timeout,
        random=tools.random,
    ) as redis:
        buffer = tools.buffer(
            redis=redis,
            client=client,
            limit=config.buffer_limit,
            flush_interval=config.flush_interval,
            random=tools.random,
            max_sizes=config.max_sizes,
            may_wait=config.on_full == "wait",
        )
        house = House(redis, buffer, stop)
        async with background(buffer.run, stop.in_time(partial(empty, buffer))):
            if not config.server:
                async with _stopping(stop, config):
                    yield house
                return
            if not tools.server.is_in_process:
                await check_fitness(redis)
            broadcast = Broadcast([Mailbox(reporter) for reporter in reporters])
            plant = build_plant(config, tools, redis, broadcast, stats)
            house.plant, house.broadcast = plant, broadcast
            async with (
                _reporting(broadcast, stop),
                _serving(config, tools, redis, plant, stop, portrait, on_signal),
                background(plant.settler.run, stop.in_time(plant.settler.drained)),
                working(plant, stop),
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
        queues=lambda: plant.sizes,
        interval=timing.heartbeat,
        is_quiet=lambda: lease.is_quiet or stop.deadline < math.inf,
        on_signal=on_signal,
        sidekiq=config.sidekiq,
    )
    stager = Stager(
        redis=redis,
        server=tools.server,
        sources=config.schedulers,
        poll=timing.poll,
        now=tools.now,
        random=tools.random,
        write_time=config.write_time,
    )
    rescuer = Rescuer(
        redis=redis,
        timing=timing,
        now=tools.now,
        dead_limit=config.dead_limit,
        dead_timeout=config.dead_timeout,
        write_time=config.write_time,
    )
    dumper = Dumper(redis, lease, plant.ledger, tools.now)
    courier = Courier(
        redis=redis,
        server=tools.server,
        lease=lease,
        followers={CANCEL: plant.follow_cancel, DUMP: dumper.obey},
        now=tools.now,
        wait=timing.wait,
    )
    async with (
        background(presence.run, stop.in_time(presence.leave)),
        background(heart.run, stop.in_time(heart.vanish)),
        background(stager.run),
        background(rescuer.run),
        background(Sweeper(redis, timing.sweep).run),
        _ticking(config, tools, redis),
        _campaigning(config, tools, redis, plant, stop),
        background(courier.run),
    ):
        yield


@asynccontextmanager
async def _ticking(config: Config, tools: Tools, redis: Redis) -> AsyncIterator[None]:
    """Enqueue what comes again and again."""
    longest = _LOOKS_AT_TICKS * config.timing.poll
    ticker = Ticker(
        redis=redis,
        periodics=config.all_periodics,
        longest=longest,
        now=tools.now,
        random=tools.random,
        write_time=config.write_time,
    )
    async with background(ticker.run):
        yield


@asynccontextmanager
async def _campaigning(
    config: Config, tools: Tools, redis: Redis, plant: Plant, stop: Stop
) -> AsyncIterator[None]:
    """Lead the cluster, if we may and nobody else does."""
    if plant.leadership is None:
        yield
        return
    candidate = Candidate(
        redis=redis,
        server=tools.server,
        lease=plant.lease,
        leadership=plant.leadership,
        timing=config.timing,
        on_lead=config.on_lead,
        on_lead_lost=config.on_lead_lost,
        dear_leader=config.dear_leader,
    )
    async with background(candidate.run, stop.in_time(candidate.resign)):
        yield
