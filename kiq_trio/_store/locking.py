"""Looking at the locks of unique jobs, and giving them back."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import attrs

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import unique_key
from kiq_trio._store.scripts import RELEASE
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command

_PAGE = 1_000


@attrs.frozen
class TakenLock:
    """A lock that somebody holds.

    Attributes:
        token: what is locked.
        owner: the jid of the job it belongs to.
        expires_in: seconds until it ends by itself; None if it never does.
    """

    token: str
    owner: str
    expires_in: float | None


async def release(redis: Redis, token: str, owner: str) -> bool:
    """Give back a lock that belongs to *owner*; False if it does not, or no more.

    May be repeated, and may arrive late: it never frees what is somebody else's.
    """
    command = RELEASE((unique_key(token),), (owner,))
    return bool(await persist_one(redis, command))


async def read_owner(redis: Redis, token: str) -> str | None:
    """Return the jid of the job that holds a lock; None if nobody does."""
    owner = await persist_one(redis, ("GET", unique_key(token)))
    return None if owner is None else owner.decode(errors="replace")


async def read_locks(redis: Redis) -> AsyncGenerator[list[TakenLock]]:
    """Yield all locks, page by page; one that changes hands meanwhile may be missed.

    Close it (`aclosing`) if you stop early.

    Goes through all keys, so not to be done often.
    """
    async with aclosing(_read_tokens(redis)) as pages:
        async for tokens in pages:
            keys = [unique_key(token) for token in tokens]
            owners: list[Command] = [("GET", key) for key in keys]
            spans: list[Command] = [("PTTL", key) for key in keys]
            replies = raise_first(await persist(redis, [*owners, *spans]))
            rows = zip(tokens, replies[: len(keys)], replies[len(keys) :], strict=True)
            yield [
                TakenLock(
                    token,
                    owner.decode(errors="replace"),
                    span_ms / 1000 if span_ms >= 0 else None,
                )
                for token, owner, span_ms in rows
                if owner is not None
            ]


async def free_all(redis: Redis, on_page: Callable[[int], None]) -> None:
    """Free every lock, whoever owns it: for whoever throws all jobs away.

    Goes through all keys; *on_page* is told of each page how many locks it had.
    """
    async for tokens in _read_tokens(redis):
        on_page(len(tokens))
        if tokens:
            await persist_one(redis, ("UNLINK", *map(unique_key, tokens)))


async def _read_tokens(redis: Redis) -> AsyncGenerator[Sequence[str]]:
    prefix = unique_key("")
    cursor = b"0"
    while True:
        command = ("SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", _PAGE)
        cursor, keys = await persist_one(redis, command)
        # It may name a key more than once.
        names = dict.fromkeys(key.decode(errors="replace") for key in keys)
        yield [name.removeprefix(prefix) for name in names]
        if cursor == b"0":
            return
