"""Who is inside whom: the nursery tree of a running `Kiq`.

    wire                       last to go
      buffer                   a client stops here
        broadcast              to the reporters
          presence             alive while anything runs
            heart, stocktaker, stager, rescuer, sweeper, ticker, candidate, courier
              settler          outlives the consumers
                crews          consumers, and inside them the producers

The blocks below nest in this order, and leaving them is the graceful stop: each
service runs until nobody depends on it. All share one deadline.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import attrs

from kiq_trio._background import background
from kiq_trio._duties import serving
from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.buffer import Buffer
from kiq_trio._pipeline.emptying import empty
from kiq_trio._pipeline.forks import forks_kept_out
from kiq_trio._pipeline.mailbox import Mailbox
from kiq_trio._plant import Plant, Tools, build_plant, working
from kiq_trio._services.heartbeat import Portrait
from kiq_trio._stop import AFTERMATH, Stop
from kiq_trio._store.fitness import check_fitness
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio.config import Config
from kiq_trio.reporter import Reporter
from kiq_trio.stats import Stats


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
        async with (
            _keeping_forks_out(redis.disown),
            background(buffer.run, stop.in_time(partial(empty, buffer))),
        ):
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
                serving(config, tools, redis, plant, stop, portrait, on_signal),
                background(plant.settler.run, stop.in_time(plant.settler.drained)),
                _keeping_forks_out(plant.runner.disown),
                _hurrying(redis, stop),
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
async def _keeping_forks_out(disown: Callable[[], None]) -> AsyncIterator[None]:
    with forks_kept_out(disown):
        yield


@asynccontextmanager
async def _hurrying(redis: Redis, stop: Stop) -> AsyncIterator[None]:
    """Let no wait that is given up take longer than the stop may: Redis may hang."""
    try:
        yield
    finally:
        redis.hurry(stop.deadline + AFTERMATH)


@asynccontextmanager
async def _reporting(broadcast: Broadcast, stop: Stop) -> AsyncIterator[None]:
    async def hear_the_rest() -> None:
        broadcast.close()
        await broadcast.wait_heard()

    async with background(broadcast.run, stop.in_time(hear_the_rest)):
        yield
