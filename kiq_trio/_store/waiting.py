"""Waiting until a queue has work, and taking it in the same breath."""

from typing import Any

import attrs

from kiq_trio._store.doubt import persist_one
from kiq_trio._store.fetching import Delivery, fetch_command, read_deliveries
from kiq_trio._store.keys import queue_key
from kiq_trio._wire.client import Redis


@attrs.define
class Catch:
    """What came of waiting.

    Attributes:
        jobs: what was taken.
        was_woken: whether the queue has had work, which others may have taken.
        error: why Redis did not let us wait, if so: its memory is full, say.
    """

    jobs: list[Delivery]
    was_woken: bool
    error: Exception | None


async def wait_and_fetch(
    redis: Redis,
    *,
    timeout: float,
    identity: str,
    producer: str,
    call: int,
    queue: str,
    limit: int,
) -> Catch:
    """Block until *queue* holds a job or *timeout* is over, then make a fetch.

    The fetch travels with the wait, and Redis runs it as soon as that is over: a
    job need not wait for a round trip to us. It is a call like every other. Given
    up by us, it may still run until *timeout*: repeated by `fetch`, it takes
    nothing then.

    The wait itself changes nothing: the front job is moved to where it is. Only
    for a queue that was just seen empty: one that is not, but paused, is answered
    at once.

    Raises:
        FencedError: as `fetch` does; QueuePausedError likewise.
        redis.exceptions.ConnectionError: no answer, or no connection to wait on:
            the call has to be repeated.
        redis.exceptions.TimeoutError: likewise.
    """
    key = queue_key(queue)
    wait = ("BLMOVE", key, key, "RIGHT", "RIGHT", timeout)
    command = fetch_command(identity, producer, call, queue, limit)
    front: Any
    front, reply = await redis.block_first((wait, command), timeout=timeout)
    if isinstance(reply, Exception):
        # Asked once more, Redis gets the script's text if it has lost that.
        reply = await persist_one(redis, command)
    return Catch(
        jobs=read_deliveries(reply, identity, producer, call, queue),
        was_woken=isinstance(front, bytes),
        error=front if isinstance(front, Exception) else None,
    )
