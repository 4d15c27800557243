"""A producer with consumers that do as they are told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from kiq_trio._background import background
from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.producer import Producer
from kiq_trio._pipeline.settler import Settler
from kiq_trio._pipeline.slots import Slots
from kiq_trio._store.burying import bury
from kiq_trio._store.keys import backup_key
from kiq_trio._store.registering import read_counters, register
from kiq_trio._wire.client import Redis


@attrs.define(eq=False)
class Work:
    """A producer and some consumers, each of which holds its job until told."""

    redis: Redis
    lease: Lease
    slots: Slots
    settler: Settler
    taken: list[int] = attrs.field(factory=list)
    team: list[trio.CancelScope] = attrs.field(factory=list)
    done: trio.Semaphore = attrs.field(factory=lambda: trio.Semaphore(0))

    async def consume(self) -> None:
        with trio.CancelScope() as scope:
            self.team.append(scope)
            while True:
                try:
                    delivery = await self.slots.take()
                except trio.EndOfChannel:
                    return
                self.taken.append(int(delivery.payload))
                await self.done.acquire()

    async def push(self, *numbers: int) -> None:
        await self.redis.raw("LPUSH", "queue:q", *numbers)

    async def waiting(self) -> list[int]:
        reply = await self.redis.raw("LRANGE", "queue:q", 0, -1)
        return [int(payload) for payload in reversed(reply)]

    async def held(self) -> int:
        key = backup_key(self.lease.identity)
        return int(await self.redis.raw("HLEN", key))


async def bury_me(redis: Redis) -> None:
    counter = (await read_counters(redis))["me"]
    assert await bury(redis, "me", counter)


@asynccontextmanager
async def working(
    redis: Redis, *, consumers: int = 3, can_wait: bool = True, interval: float = 0.5
) -> AsyncIterator[Work]:
    settler = Settler(
        redis=redis,
        broadcast=Broadcast([]),
        ledger=Ledger(now=trio.current_time),
        dead_limit=100,
        dead_timeout=1e9,
        limit=100,
        random=lambda: 0.5,
    )
    work = Work(redis, Lease(), Slots(), settler)
    producer = Producer(
        redis=redis,
        queue="q",
        slots=work.slots,
        settler=settler,
        lease=work.lease,
        can_wait=can_wait,
        interval=interval,
        wait=2.0,
        random=lambda: 0.5,
    )
    await register(redis, "me")
    work.lease.grant("me")

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(consumers):
                nursery.start_soon(work.consume)
            nursery.start_soon(producer.run)
            task_status.started()

    async with background(settler.run), background(run):
        yield work
