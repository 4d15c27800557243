"""What processes answer when they are asked what their tasks are doing."""

from collections.abc import Sequence

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import dump_key
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command

DUMP = "dump"
"""The kind of the order; its subject is the token under which to answer."""

KEPT_FOR = 60
"""Seconds in which whoever has asked must read the answer."""


async def write_dump(redis: Redis, token: str, identity: str, text: bytes) -> None:
    """Answer to who asks under the name *token*; an answer may come twice."""
    key = dump_key(token, identity)
    await persist_one(redis, ("SET", key, text, "EX", KEPT_FOR))


async def read_dumps(
    redis: Redis, token: str, identities: Sequence[str]
) -> dict[str, bytes]:
    """Return what those of *identities* have answered that have done so already."""
    reads: list[Command] = [("GET", dump_key(token, one)) for one in identities]
    replies = raise_first(await persist(redis, reads)) if reads else []
    return {
        identity: text
        for identity, text in zip(identities, replies, strict=True)
        if text is not None
    }
