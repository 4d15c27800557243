"""A running buffer, and what it has stored."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from kiq_trio._background import background
from kiq_trio._pipeline.buffer import Buffer
from kiq_trio._pipeline.entry import Entry
from kiq_trio._wire.client import Redis

FLUSH_INTERVAL = 0.5


@asynccontextmanager
async def running_buffer(
    redis: Redis,
    *,
    limit: int = 10_000,
    max_sizes: Mapping[str, int] | None = None,
    may_wait: bool = True,
) -> AsyncIterator[Buffer]:
    buffer = Buffer(
        redis=redis,
        client="client",
        limit=limit,
        flush_interval=FLUSH_INTERVAL,
        random=lambda: 0.5,
        max_sizes=max_sizes or {},
        may_wait=may_wait,
    )
    async with background(buffer.run):
        yield buffer


def entry(number: int, queue: str | None = "q") -> Entry:
    return Entry(
        jid=str(number), queue=queue, payload=b"%d" % number, score=float(number)
    )


def entries(numbers: Iterable[int], queue: str | None = "q") -> list[Entry]:
    return [entry(number, queue) for number in numbers]


def held(buffer: Buffer) -> list[str]:
    """Return the jids of the jobs in *buffer*, those that were sent first."""
    return [one.jid for one in (*buffer.unconfirmed(), *buffer.unsent())]


async def stored(redis: Redis, queue: str = "q") -> list[int]:
    """Return what is in a queue, the oldest first."""
    payloads = await redis.raw("LRANGE", f"queue:{queue}", 0, -1)
    return [int(payload) for payload in reversed(payloads)]
