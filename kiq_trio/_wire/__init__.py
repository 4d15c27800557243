"""How we speak to Redis: connections, replies, outages, and servers of our own."""

from importlib import import_module
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """Import `memory` when it is asked for (PEP 562).

    It brings fakeredis and, by it, all of valkey: 6 of our 14 MiB, and half of the
    time that our import takes, for what no process needs that has a real server.
    """
    if name == "memory":
        return import_module(f"{__name__}.memory")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
