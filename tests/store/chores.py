"""Jobs as other programs write them, to be looked at and tended."""

import json
from typing import Any

from kiq_trio._wire.client import Redis


def payload(jid: str, job_class: str = "Mailer", **fields: Any) -> bytes:
    whole = {"class": job_class, "args": [1], "queue": "mail", "jid": jid, **fields}
    return json.dumps(whole, separators=(",", ":")).encode()


async def wait_in(redis: Redis, queue: str, *payloads: bytes) -> None:
    """Put *payloads* into *queue*, the one that is fetched first in front."""
    await redis.raw("SADD", "queues", queue)
    await redis.raw("LPUSH", f"queue:{queue}", *payloads)


async def lie_in(redis: Redis, place: str, *payloads: bytes, at: float = 9e9) -> None:
    """Put *payloads* into a sorted set, a second apart from *at* on."""
    for n, one in enumerate(payloads):
        await redis.raw("ZADD", place, repr(at + n), one)
