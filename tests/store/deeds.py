"""Short words for what the tests do again and again."""

from kiq_trio._store.enqueueing import Batch, enqueue
from kiq_trio._store.fetching import Delivery, fetch
from kiq_trio._store.registering import register
from kiq_trio._store.replies import read_scores
from kiq_trio._store.settling import Settled, Settlement, settle
from kiq_trio._wire.client import Redis

ME = "host:1:me"
OTHER = "host:2:other"
PAST, FUTURE = 1.5, 9e9
LONG = 1e10
"""A time to keep dead jobs that no test outlasts, whatever its clock says."""


async def put(redis: Redis, queue: str, *payloads: bytes, number: int = 1) -> None:
    """Enqueue as the only client of *queue* that there is."""
    batch = Batch(f"client|{queue}", number, queue, payloads)
    assert await enqueue(redis, [batch]) == [None]


async def join(redis: Redis, *identities: str) -> None:
    for identity in identities:
        assert await register(redis, identity)


async def take(
    redis: Redis, queue: str, *, call: int = 1, limit: int = 10, identity: str = ME
) -> list[Delivery]:
    return await fetch(
        redis, identity=identity, producer=queue, call=call, queue=queue, limit=limit
    )


async def move(
    redis: Redis,
    *settlements: tuple[Delivery, Settlement],
    identity: str = ME,
    dead_limit: int = 100,
    dead_timeout: float = LONG,
) -> list[Settled]:
    return await settle(
        redis,
        identity,
        settlements,
        dead_limit=dead_limit,
        dead_timeout=dead_timeout,
    )


async def waiting(redis: Redis, queue: str) -> list[bytes]:
    """The payloads in *queue*, the one that is fetched first in front."""
    payloads: list[bytes] = await redis.raw("LRANGE", f"queue:{queue}", 0, -1)
    return payloads[::-1]


async def members(redis: Redis, key: str) -> list[tuple[bytes, float]]:
    return read_scores(await redis.raw("ZRANGE", key, 0, -1, "WITHSCORES"))


async def held(redis: Redis, identity: str = ME) -> int:
    count: int = await redis.raw("HLEN", f"kiq:backup|{identity}")
    return count


async def names_in(redis: Redis, key: str) -> set[str]:
    return {name.decode() for name in await redis.raw("SMEMBERS", key)}
