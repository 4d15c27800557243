"""What a process does for the cluster, beside running jobs."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from kiq_trio._background import background
from kiq_trio._plant import Plant, Tools
from kiq_trio._services.candidate import Candidate
from kiq_trio._services.courier import Courier
from kiq_trio._services.dumper import Dumper
from kiq_trio._services.heartbeat import Heart, Portrait
from kiq_trio._services.presence import Presence
from kiq_trio._services.rescuer import Rescuer
from kiq_trio._services.stager import Stager
from kiq_trio._services.stocktaker import Stocktaker
from kiq_trio._services.sweeper import Sweeper
from kiq_trio._services.ticker import Ticker
from kiq_trio._services.watchdog import Watchdog
from kiq_trio._stop import Stop
from kiq_trio._store.cancelling import CANCEL
from kiq_trio._store.dumping import DUMP
from kiq_trio._wire.client import Redis
from kiq_trio.config import Config

# Once a minute in production: only in case that the clock of Redis is put forward.
_LOOKS_AT_TICKS = 12


@asynccontextmanager
async def serving(
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
    async with (
        background(presence.run, stop.in_time(presence.leave)),
        background(heart.run, stop.in_time(heart.vanish)),
        _taking_stock(config, redis, plant),
        _tending(config, tools, redis, presence),
        _ticking(config, tools, redis),
        _campaigning(config, tools, redis, plant, stop),
        _obeying(config, tools, redis, plant),
    ):
        yield


@asynccontextmanager
async def _taking_stock(
    config: Config, redis: Redis, plant: Plant
) -> AsyncIterator[None]:
    """Give back what Redis has forgotten that we are done with."""
    stocktaker = Stocktaker(
        redis=redis,
        lease=plant.lease,
        crews=plant.crews,
        ledger=plant.ledger,
        settler=plant.settler,
        interval=config.timing.observe,
    )
    async with background(stocktaker.run):
        yield


@asynccontextmanager
async def _tending(
    config: Config, tools: Tools, redis: Redis, presence: Presence
) -> AsyncIterator[None]:
    """Move what is due, and bring back what others have left behind."""
    timing = config.timing
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
        silence=presence.silence,
        now=tools.now,
        dead_limit=config.dead_limit,
        dead_timeout=config.dead_timeout,
        write_time=config.write_time,
    )
    async with (
        background(stager.run),
        background(rescuer.run),
        background(Sweeper(redis, timing.sweep).run),
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


@asynccontextmanager
async def _obeying(
    config: Config, tools: Tools, redis: Redis, plant: Plant
) -> AsyncIterator[None]:
    """Take orders, from whatever process they come."""
    dumper = Dumper(redis, plant.lease, plant.ledger, tools.now)
    courier = Courier(
        redis=redis,
        server=tools.server,
        lease=plant.lease,
        followers={CANCEL: plant.follow_cancel, DUMP: dumper.obey},
        now=tools.now,
        wait=config.timing.wait,
    )
    async with background(courier.run):
        yield
