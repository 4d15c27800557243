"""Looking at the profiles that Ruby's processes took of their jobs (wire.md §6.1)."""

from collections.abc import Sequence

import attrs

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import PROFILES
from kiq_trio._store.replies import read_float, read_moment, read_scores
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command

_FIELDS = ("token", "jid", "type", "filename", "started_at", "elapsed", "size")


@attrs.frozen(kw_only=True)
class ProfileView:
    """What is known of a profile, without its data.

    Attributes:
        key: its name in Redis.
        token: what it is called by whoever asked for it.
        jid: the job that ran.
        type: the class of the job.
        filename: what to call it as a file.
        started_at: when the run began, in epoch seconds.
        elapsed: how many seconds it took.
        size: of the data, in bytes.
        expires_at: until when it is kept, in epoch seconds.
    """

    key: str
    token: str
    jid: str
    type: str
    filename: str
    started_at: float
    elapsed: float
    size: int
    expires_at: float


async def read_profiles(redis: Redis) -> list[ProfileView]:
    """Return the profiles that are kept, the one first that ends first.

    What has expired, or is none, is left out, though the list may still name it.
    """
    reads: list[Command] = [("TIME",), ("ZRANGE", PROFILES, 0, -1, "WITHSCORES")]
    moment, listed = raise_first(await persist(redis, reads))
    now = read_moment(moment)
    kept = [(key, ends) for key, ends in read_scores(listed) if ends > now]
    reads = [("HMGET", key, *_FIELDS) for key, _ in kept]
    rows = await persist(redis, reads) if reads else []
    # What a hand has put on the list may be a key of another kind.
    return [
        _view(key, ends, row)
        for (key, ends), row in zip(kept, rows, strict=True)
        if not isinstance(row, Exception) and any(row)
    ]


async def read_profile_data(redis: Redis, key: str) -> bytes | None:
    """Return what a profile holds, as it is stored; None if it has expired."""
    data: bytes | None = await persist_one(redis, ("HGET", key, "data"))
    return data


def _view(key: bytes, ends: float, row: Sequence[bytes | None]) -> ProfileView:
    token, jid, kind, filename, started_at, elapsed, size = row
    return ProfileView(
        key=key.decode(errors="replace"),
        token=_text(token),
        jid=_text(jid),
        type=_text(kind),
        filename=_text(filename),
        started_at=read_float(started_at),
        elapsed=read_float(elapsed),
        size=int(read_float(size)),
        expires_at=ends,
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
