"""Reading what a doctor wants to know of a server and of all who use it."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.key_table import KEYS
from kiq_trio._store.keys import (
    BACKUPS,
    DEAD,
    GRAVES,
    PAUSED,
    PROCESSES,
    QUEUES,
    RETRY,
    SCHEDULE,
    SHOWN,
    queue_key,
)
from kiq_trio._store.replies import read_pairs, read_scores
from kiq_trio._wire.client import Redis
from kiq_trio._wire.handshake import read_info
from kiq_trio._wire.slot import Command

NOTHING = "none"
"""The type of a key that is not there."""

_FIXED = {key.pattern: key.redis_type for key in KEYS if key.pattern.islower()}


@attrs.frozen(kw_only=True)
class Facts:
    """What there is, as far as it can be read without changing anything.

    Attributes:
        info: what the server says of itself.
        time: the server's clock, epoch seconds.
        misfits: keys whose type is wrong, with what it should be and what it is.
            They are taken for empty in all that follows.
        registered: ids of our processes.
        shown: ids in Sidekiq's list of processes, Ruby's included, with what each
            shows of itself: empty, if it has not been heard for a minute.
        backups: ids whose backup may exist.
        graves: ids that wait to be drained.
        waiting: how many jobs wait in each queue.
        paused: names of queues from which nothing is taken.
        due_at: when the first job of `schedule` and `retry` is due, if there is one.
        dead: how many jobs were given up.
    """

    info: Mapping[str, str]
    time: float
    misfits: Mapping[str, tuple[str, str]]
    registered: frozenset[str]
    shown: Mapping[str, Mapping[str, bytes]]
    backups: frozenset[str]
    graves: frozenset[str]
    waiting: Mapping[str, int]
    paused: frozenset[str]
    due_at: Mapping[str, float]
    dead: int


async def ping(redis: Redis) -> None:
    """Wait for the shortest answer there is.

    Raises:
        redis.exceptions.RedisError: there is none, and no second try.
    """
    await redis.raw("PING")


async def read_facts(redis: Redis) -> Facts:
    """Read everything, in a few round trips; so it may be a little out of step."""
    seconds, microseconds = await persist_one(redis, ("TIME",))
    info: bytes = await persist_one(redis, ("INFO",))
    look = _Look(redis)
    await look.check_types(_FIXED)
    queues = sorted(await look.members(QUEUES))
    await look.check_types({queue_key(name): "list" for name in queues})
    return Facts(
        info=read_info(info.decode()),
        time=int(seconds) + int(microseconds) / 1e6,
        registered=await look.members(PROCESSES),
        shown=await look.shown(sorted(await look.members(SHOWN))),
        backups=await look.members(BACKUPS),
        graves=await look.members(GRAVES),
        waiting=await look.lengths(queues),
        paused=await look.members(PAUSED),
        due_at=await look.due_at((SCHEDULE, RETRY)),
        dead=await look.size(DEAD),
        misfits=look.misfits,
    )


@attrs.frozen
class _Look:
    """Reads what fits, and takes what does not for empty."""

    redis: Redis
    misfits: dict[str, tuple[str, str]] = attrs.field(factory=dict)

    async def check_types(self, expected: Mapping[str, str]) -> None:
        replies = await self._ask([("TYPE", key) for key in expected])
        for (key, kind), reply in zip(expected.items(), replies, strict=True):
            found = reply.decode()
            if found not in (kind, NOTHING):
                self.misfits[key] = (kind, found)

    async def members(self, key: str) -> frozenset[str]:
        command = "HKEYS" if key == PROCESSES else "SMEMBERS"
        replies = await self._ask([(command, key)] if self._fits(key) else [])
        return frozenset(
            member.decode(errors="replace") for reply in replies for member in reply
        )

    async def shown(self, ids: Sequence[str]) -> dict[str, dict[str, bytes]]:
        await self.check_types(dict.fromkeys(ids, "hash"))
        fit = [identity for identity in ids if self._fits(identity)]
        replies = await self._ask([("HGETALL", identity) for identity in fit])
        return {
            identity: {
                field.decode(errors="replace"): value
                for field, value in read_pairs(reply)
            }
            for identity, reply in zip(fit, replies, strict=True)
        }

    async def lengths(self, queues: Sequence[str]) -> dict[str, int]:
        fit = [name for name in queues if self._fits(queue_key(name))]
        replies = await self._ask([("LLEN", queue_key(name)) for name in fit])
        return dict(zip(fit, replies, strict=True))

    async def due_at(self, keys: Sequence[str]) -> dict[str, float]:
        fit = [key for key in keys if self._fits(key)]
        first = await self._ask([("ZRANGE", key, 0, 0, "WITHSCORES") for key in fit])
        return {
            key: read_scores(reply)[0][1]
            for key, reply in zip(fit, first, strict=True)
            if reply
        }

    async def size(self, key: str) -> int:
        replies = await self._ask([("ZCARD", key)] if self._fits(key) else [])
        return sum(replies)

    def _fits(self, key: str) -> bool:
        return key not in self.misfits

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        return raise_first(await persist(self.redis, commands)) if commands else []
