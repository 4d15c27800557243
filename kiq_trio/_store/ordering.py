"""Orders to all processes: given by anybody, followed by each from its own place.

They lie in a stream that nobody takes anything out of, so an order reaches a process
that was away for a while, and one that is given or read twice does no harm.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from kiq_trio._store.doubt import persist_one
from kiq_trio._store.keys import ORDERS
from kiq_trio._store.replies import read_float
from kiq_trio._store.scripts import ORDER
from kiq_trio._wire.client import Redis

REMEMBERED = 3_600.0
"""For how many seconds an order concerns what comes after it."""
BEGINNING = "0-0"
"""The place before the first order."""

_KEPT = 1_000
_KEPT_FOR = int(2 * REMEMBERED)
_PAGE = 100


@attrs.frozen(kw_only=True)
class Order:
    """What somebody wants of the processes.

    Attributes:
        kind: what: `cancel` a job, or `dump` the tasks of a process.
        subject: of which job, or whatever else the kind needs to be told.
        reason: why, for people.
        target: the id of the process that is meant; empty for all of them.
        at: when it was given, in epoch seconds by the clock of who gave it.
        place: where it lies in the stream; empty until it was given.
    """

    kind: str
    subject: str = ""
    reason: str = ""
    target: str = ""
    at: float
    place: str = ""


async def give(redis: Redis, order: Order) -> str:
    """Give *order*; return its place in the stream."""
    fields = attrs.asdict(order, filter=attrs.filters.exclude("place"))
    named = [part for name, value in fields.items() for part in (name, str(value))]
    command = ORDER((ORDERS,), (_KEPT, _KEPT_FOR, *named))
    place: bytes = await persist_one(redis, command)
    return place.decode()


async def read_orders(redis: Redis, after: str = BEGINNING) -> list[Order]:
    """Return the orders that were given after the one at *after*, oldest first.

    Raises:
        redis.exceptions.RedisError: no answer, and no second try.
    """
    return _read(await redis.raw("XRANGE", ORDERS, f"({after}", "+"))


async def wait_for_orders(redis: Redis, after: str, *, timeout: float) -> list[Order]:
    """Do the same, but wait until there are some, or until *timeout* is over.

    It takes a connection of its own. What it does not return is still there.

    Raises:
        redis.exceptions.RedisError: no waiting possible for now.
    """
    block_ms = max(1, int(timeout * 1000))
    command = ("XREAD", "COUNT", _PAGE, "BLOCK", block_ms, "STREAMS", ORDERS, after)
    reply = await redis.block(command, timeout=timeout)
    if not reply:
        return []
    # One stream: a map in RESP3, a list of pairs in RESP2.
    [entries] = reply.values() if isinstance(reply, dict) else [reply[0][1]]
    return _read(entries)


def _read(entries: Iterable[Sequence[Any]]) -> list[Order]:
    return [_read_one(place.decode(), fields) for place, fields in entries]


def _read_one(place: str, fields: Sequence[bytes]) -> Order:
    texts = [part.decode(errors="replace") for part in fields]
    given = dict(zip(texts[::2], texts[1::2], strict=True))
    # What a hand has written, or a later version, is no reason to fail.
    known = {name: given.get(name, "") for name in ("subject", "reason", "target")}
    return Order(
        kind=given.get("kind", ""), at=read_float(given.get("at")), place=place, **known
    )
