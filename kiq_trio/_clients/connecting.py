"""Where a client's Redis is, and whether a given client of redis-py will do."""

from typing import Any, TypeVar

from redis.asyncio.client import Pipeline as AsyncPipeline
from redis.client import NEVER_DECODE, Pipeline

from kiq_trio._wire.address import SCHEMES, Address
from kiq_trio._wire.servers import find_url
from kiq_trio.errors import ConfigError

T = TypeVar("T")

RAW = {NEVER_DECODE: True}
"""For `execute_command`: the reply in bytes, whatever the client decodes otherwise."""

_LONGEST_REPLY_TIME = 5.0


def find_address(url: str | None) -> Address:
    """Return where *url* leads; without one, as for a `Kiq`.

    Raises:
        ConfigError: it cannot be read, or is of a Redis that only a `Kiq` can use.
    """
    url = find_url(url)
    scheme = url.partition("://")[0]
    if scheme in {"memory", "embedded"}:
        raise ConfigError(
            f"Redis URL: {scheme}:// needs a Kiq; a client takes {', '.join(SCHEMES)}"
        )
    return Address.from_url(url)


def reply_time(timeout: float) -> float:
    """Return how many seconds Redis may take to answer before it is asked again."""
    return min(timeout, _LONGEST_REPLY_TIME)


def check_client(given: Any, kind: type[T]) -> T:
    """Return *given*, if it is a client of redis-py of this *kind*.

    Raises:
        ConfigError: it is not, or gathers commands instead of running them.
    """
    if isinstance(given, kind) and not isinstance(given, Pipeline | AsyncPipeline):
        return given
    raise ConfigError(
        f"redis must be a URL or a {kind.__module__.removesuffix('.client')}."
        f"{kind.__name__}, got a {type(given).__name__}"
    )
