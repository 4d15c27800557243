"""A running settler, and jobs that this process holds."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import trio

from kiq_trio._background import background
from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.mailbox import Mailbox
from kiq_trio._pipeline.runs import Run
from kiq_trio._pipeline.settler import Settler
from kiq_trio._store.fetching import Delivery, fetch
from kiq_trio._store.keys import backup_key
from kiq_trio._store.registering import register
from kiq_trio._store.settling import Settlement
from kiq_trio._wire.client import Redis
from kiq_trio.events import Event, Succeeded
from kiq_trio.job import Job
from kiq_trio.reporter import Reporter


class Ears(Reporter):
    def __init__(self) -> None:
        self.jids: list[str] = []

    async def handle_events(self, events: Sequence[Event]) -> None:
        self.jids += [event.job.jid for event in events]


@attrs.define
class Scene:
    """A settler, and jobs that this process holds."""

    redis: Redis
    settler: Settler
    ears: Ears
    calls: int = 0

    async def hold(self, *payloads: bytes) -> list[Delivery]:
        await self.redis.raw("LPUSH", "queue:q", *payloads)
        self.calls += 1
        return await fetch(
            self.redis,
            identity="me",
            producer="q",
            call=self.calls,
            queue="q",
            limit=len(payloads),
        )

    def end(
        self, delivery: Delivery, settlement: Settlement, jid: str | None = None
    ) -> None:
        """Let the job's run end so; reporters hear of it if it has a *jid*."""
        run = Run(delivery, settlement)
        if jid is not None:
            run.job, run.outcome = Job(job_class="A", jid=jid), Succeeded(0.0)
        self.settler.add(run)

    async def held(self) -> int:
        return int(await self.redis.raw("HLEN", backup_key("me")))


@asynccontextmanager
async def settling(redis: Redis, limit: int = 100) -> AsyncIterator[Scene]:
    ears = Ears()
    broadcast, ledger = Broadcast([Mailbox(ears)]), Ledger(now=trio.current_time)
    await register(redis, "me")
    settler = Settler(
        redis=redis,
        broadcast=broadcast,
        ledger=ledger,
        dead_limit=100,
        dead_timeout=1e9,
        limit=limit,
        random=random.Random(1).random,
    )
    async with background(broadcast.run), background(settler.run):
        yield Scene(redis, settler, ears)
