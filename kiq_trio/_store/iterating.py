"""The state of Ruby's iterable jobs, which run in pieces (wire.md §6).

We run none ourselves. But whoever cancels a job that Ruby may be running says so
there, where it is looked for.
"""

from collections.abc import Sequence
from typing import Any

import attrs

from kiq_trio import encoder
from kiq_trio._store.doubt import (
    is_of_wrong_type,
    persist,
    persist_one,
    raise_first,
    without_errors,
)
from kiq_trio._store.keys import PROCESSES, SHOWN, iteration_key
from kiq_trio._store.replies import read_float, read_pairs
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command
from kiq_trio.errors import DecodeError

_KEPT_FOR = 30 * 86_400


@attrs.frozen
class Iteration:
    """How far an iterable job has come.

    Attributes:
        executions: how often it was begun, this time included.
        cursor: where to go on; None before the first piece is done.
        runtime: seconds spent before this time.
        cancelled_at: when it was cancelled, in epoch seconds; None if it was not.
    """

    executions: int
    cursor: Any
    runtime: float
    cancelled_at: int | None


async def read_iteration(redis: Redis, jid: str) -> Iteration | None:
    """Return how far the job *jid* has come; None if it is no iterable one.

    Whatever is missing or is not what it should be counts as if it had just begun: a
    cancelled job may have nothing but that.
    """
    return (await read_iterations(redis, [jid])).get(jid)


async def read_iterations(redis: Redis, jids: Sequence[str]) -> dict[str, Iteration]:
    """Return how far those of *jids* have come that are iterable, in one round trip."""
    names = list(dict.fromkeys(jids))
    reads: list[Command] = [("HGETALL", iteration_key(one)) for one in names]
    replies = without_errors(await persist(redis, reads), ()) if reads else []
    states = zip(names, map(_iteration, replies), strict=True)
    return {name: state for name, state in states if state is not None}


async def cancel_iteration(redis: Redis, jid: str, *, now: float) -> None:
    """Say that *jid* is cancelled, to whatever process of Ruby's runs it.

    With all other fields, if it has not begun: Sidekiq 8.1 fails on a job that has
    only been cancelled, and with it the pages of its UI. May be repeated.

    What lies there may be of another kind: then no process can look there, and it
    stays.
    """
    key = iteration_key(jid)
    new: list[Command] = [
        ("HSETNX", key, "ex", 0),
        ("HSETNX", key, "c", "null"),
        ("HSETNX", key, "rt", 0),
        ("HSETNX", key, "cancelled", int(now)),
    ]
    commands = [("MULTI",), *new, ("EXPIRE", key, _KEPT_FOR, "NX"), ("EXEC",)]
    answers = raise_first(await persist(redis, commands))[-1]
    raise_first([one for one in answers if not is_of_wrong_type(one)])


async def has_strangers(redis: Redis) -> bool:
    """Whether processes are shown that are not ours, and may run what we do not see."""
    shown = set(await persist_one(redis, ("SMEMBERS", SHOWN)))
    return bool(shown - set(await persist_one(redis, ("HKEYS", PROCESSES))))


def _iteration(reply: Any) -> Iteration | None:
    fields = {name.decode(errors="replace"): value for name, value in read_pairs(reply)}
    if not fields:
        return None
    cancelled_at = fields.get("cancelled")
    return Iteration(
        executions=int(read_float(fields.get("ex"))),
        cursor=_cursor(fields.get("c")),
        runtime=read_float(fields.get("rt")),
        cancelled_at=None if cancelled_at is None else int(read_float(cancelled_at)),
    )


def _cursor(value: bytes | None) -> Any:
    try:
        return encoder.decode(value or b"null")
    except DecodeError:
        return None
