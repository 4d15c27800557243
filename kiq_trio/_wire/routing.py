"""Which commands a connection shared by many tasks must not be given."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from redis.exceptions import DataError

_BLOCK = "kiq_trio runs blocking commands on connections of their own"
_SUBSCRIBE = "open a redis.asyncio or redis.Redis client of your own for it"
_STATE = "it would change the connection for everybody"
_REFUSED = {
    **dict.fromkeys(("MULTI", "EXEC", "DISCARD"), "use pipeline(transaction=True)"),
    **dict.fromkeys(("WATCH", "UNWATCH"), "compare and set in a script instead"),
    "SELECT": "name the database in the URL",
    **dict.fromkeys(("AUTH", "HELLO"), "name user and password in the URL"),
    **dict.fromkeys(("WAIT", "WAITAOF"), "set min-replicas-to-write in the server"),
    **dict.fromkeys(
        (
            *("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE"),
            *("PUNSUBSCRIBE", "SUNSUBSCRIBE", "MONITOR", "SYNC", "PSYNC"),
        ),
        _SUBSCRIBE,
    ),
    **dict.fromkeys(
        (
            *("QUIT", "RESET", "ASKING", "READONLY", "READWRITE"),
            *("CLIENT REPLY", "CLIENT TRACKING", "CLIENT SETNAME", "SCRIPT DEBUG"),
        ),
        _STATE,
    ),
}


def _last(args: Sequence[Any]) -> float:
    return float(args[-1])


def _first(args: Sequence[Any]) -> float:
    return float(args[1])


def _fifth(args: Sequence[Any]) -> float:
    return float(args[5])


def _block_option(args: Sequence[Any]) -> float | None:
    for name, value in pairwise(args[1:]):
        if _word(name) == "STREAMS":
            return None
        if _word(name) == "BLOCK":
            return int(value) / 1000
    return None


_BLOCKING: dict[str, Callable[[Sequence[Any]], float | None]] = {
    **dict.fromkeys(
        ("BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX"), _last
    ),
    **dict.fromkeys(("BLMPOP", "BZMPOP"), _first),
    "BLMOVEM": _fifth,
    **dict.fromkeys(("XREAD", "XREADGROUP"), _block_option),
}

_SPECIAL = {name.partition(" ")[0] for name in (*_REFUSED, *_BLOCKING)}


def find_timeout(args: Sequence[Any]) -> float | None:
    """Return how long *args* may block the server's side; None if not at all.

    Raises:
        redis.exceptions.DataError: it cannot run on a shared connection, and
            there is another way.
    """
    name = _word(args[0])
    if name not in _SPECIAL:
        return None
    both = f"{name} {_word(args[1])}" if len(args) > 1 else name
    for each in (name, both):
        if each in _REFUSED:
            raise DataError(f"{each} cannot be used here: {_REFUSED[each]}")
    read = _BLOCKING.get(name)
    if read is None:
        return None
    try:
        timeout = read(args)
    except (IndexError, TypeError, ValueError):
        # Redis says better than we could what is wrong with it; it will not block.
        return 0.0
    return math.inf if timeout == 0 else timeout


def refuse_blocking(args: Sequence[Any]) -> None:
    """Raise for what cannot be part of a pipeline.

    Raises:
        redis.exceptions.DataError: it cannot, and why.
    """
    if find_timeout(args) is not None:
        raise DataError(f"{args[0]} cannot be used in a pipeline: {_BLOCK}")


def _word(argument: Any) -> str:
    if type(argument) is str:
        return argument.upper()
    if isinstance(argument, bytes):
        return argument.decode(errors="replace").upper()
    return str(argument).upper()
