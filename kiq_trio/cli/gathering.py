"""Asking processes what their tasks are doing, and waiting for their answers."""

import secrets
import time
from collections.abc import Callable, Mapping

import attrs
import trio

from kiq_trio._services.dumper import Dump
from kiq_trio._store.dumping import DUMP, read_dumps
from kiq_trio._store.ordering import Order, give
from kiq_trio._store.registering import read_counters
from kiq_trio._wire.client import Redis
from kiq_trio.errors import ConfigError

_LOOK_EVERY = 0.05


@attrs.frozen
class Gathered:
    """What came back.

    Attributes:
        dumps: the answers, by the ids of the processes.
        silent: the ids of those who have not answered.
        unclear: the ids of those whose answer cannot be read: another version's.
    """

    dumps: Mapping[str, Dump]
    silent: tuple[str, ...]
    unclear: tuple[str, ...]


async def gather_dumps(
    redis: Redis,
    process: str | None,
    *,
    patience: float,
    now: Callable[[], float] = time.time,
) -> Gathered:
    """Return what the tasks of *process* are doing, or of all processes.

    Args:
        redis: where they are registered.
        process: an id, or how it begins: `host`, `host:pid`.
        patience: how many seconds to wait for those who do not answer.
        now: returns epoch seconds.

    Raises:
        ConfigError: no process is called so.
    """
    asked = _choose(sorted(await read_counters(redis)), process)
    token = secrets.token_hex(8)
    # One order for each who is meant, so that nobody else need look.
    for target in asked if process else [""] if asked else []:
        await give(redis, Order(kind=DUMP, subject=token, target=target, at=now()))
    answers: dict[str, bytes] = {}
    with trio.move_on_after(patience):
        while len(answers) < len(asked):
            await trio.sleep(_LOOK_EVERY)
            answers |= await read_dumps(redis, token, asked)
    dumps = {}
    for identity, text in answers.items():
        try:
            dumps[identity] = Dump.decode(text)
        except (KeyError, TypeError, ValueError):
            continue
    return Gathered(
        dumps=dumps,
        silent=tuple(one for one in asked if one not in answers),
        unclear=tuple(one for one in answers if one not in dumps),
    )


def _choose(registered: list[str], process: str | None) -> list[str]:
    if process is None:
        return registered
    chosen = [one for one in registered if f"{one}:".startswith(f"{process}:")]
    if not chosen:
        known = ", ".join(registered) or "none"
        raise ConfigError(f"no process is called {process!r} (registered: {known})")
    return chosen
