"""Which server a URL means."""

import os
from collections.abc import Callable

from kiq_trio import _wire
from kiq_trio._wire.address import SCHEMES, Address
from kiq_trio._wire.embedded import EmbeddedServer
from kiq_trio._wire.remote import RemoteServer
from kiq_trio._wire.seam import Server
from kiq_trio.errors import ConfigError

DEFAULT_URL = "redis://localhost:6379/0"


def find_url(url: str | None = None) -> str:
    """Return *url*, or the environment's `REDIS_URL`, or a Redis on this machine."""
    return url or os.environ.get("REDIS_URL") or DEFAULT_URL


def server_from_url(
    url: str | None = None, *, clock: Callable[[], float] | None = None
) -> Server:
    """Return the server that *url* means; nothing is connected or started yet.

    Without a URL it is the environment's `REDIS_URL`, or else a Redis on this
    machine. *clock* is what a `memory://` server tells the time by; any other
    has a clock of its own.

    Raises:
        ConfigError: the URL cannot be read, or needs an extra that is missing.
    """
    url = find_url(url)
    scheme, sign, _ = url.partition("://")
    if not sign:
        # Not to be shown: what is no URL may be a password all the same.
        raise ConfigError("Redis URL: it has no scheme, such as redis://")
    if scheme == "memory":
        return _open_memory(clock)
    if scheme == "embedded":
        return EmbeddedServer.from_url(url)
    if scheme in SCHEMES:
        return RemoteServer(Address.from_url(url))
    allowed = ", ".join((*SCHEMES, "embedded", "memory"))
    raise ConfigError(f"Redis URL: scheme must be one of {allowed}, got {scheme!r}")


def _open_memory(clock: Callable[[], float] | None) -> Server:
    try:
        memory = _wire.memory
    except ModuleNotFoundError as error:
        if error.name not in {"fakeredis", "lupa"}:
            raise
        raise ConfigError(
            "memory:// needs fakeredis: install kiq-trio[memory]"
        ) from None
    server: Server = memory.MemoryServer(clock)
    return server
