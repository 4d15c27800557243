"""Sending a process a signal, as the buttons of Sidekiq's Web UI do."""

from typing import Literal, TypeAlias

from kiq_trio._store.doubt import persist, raise_first
from kiq_trio._store.keys import signals_key
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command

Signal: TypeAlias = Literal["TSTP", "TERM", "TTIN"]

_KEPT_FOR = 60


async def send_signal(redis: Redis, identity: str, signal: Signal) -> None:
    """Ask a process to take no more jobs, to stop, or to say what it is doing.

    It hears of it with its next heartbeat, within 10 s, and only of one signal at a
    time; after a minute the signal is forgotten (wire.md §4.5). A repetition does
    not send it twice.
    """
    key = signals_key(identity)
    commands: list[Command] = [
        ("MULTI",),
        ("LREM", key, 0, signal),
        ("LPUSH", key, signal),
        ("EXPIRE", key, _KEPT_FOR),
        ("EXEC",),
    ]
    replies = raise_first(await persist(redis, commands))
    raise_first(replies[-1])
