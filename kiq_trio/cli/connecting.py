"""What commands that only talk to Redis share: their options, and the connection."""

import math
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias, TypeVar

import trio
import typer
from redis.exceptions import RedisError

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.seam import Server
from kiq_trio._wire.servers import server_from_url
from kiq_trio.cli.ending import INTERRUPTED, fail
from kiq_trio.errors import ConfigError, KiqError

T = TypeVar("T")

RedisUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--redis-url",
        metavar="URL",
        envvar="KIQ_TRIO_REDIS_URL",
        help="Which Redis; by default REDIS_URL, else the one on this machine.",
    ),
]

AsJson: TypeAlias = Annotated[
    bool,
    typer.Option("--json", envvar="KIQ_TRIO_JSON", help="Answer in JSON."),
]

Timeout: TypeAlias = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        envvar="KIQ_TRIO_TIMEOUT",
        help="How long the answer may take.",
    ),
]

TIMEOUT = 10.0


def ask(
    question: Callable[[Redis], Awaitable[T]], url: str | None, timeout: float
) -> T:
    """Return the answer to *question*, asked of the Redis at *url*.

    Ends the command with a sentence if there is none within *timeout* seconds.
    """
    try:
        if not 0 < timeout < math.inf:
            raise ConfigError(f"--timeout must be more than 0 s, got {timeout:g}")
        return trio.run(_ask, question, server_from_url(url), timeout)
    except trio.TooSlowError:
        fail(f"no answer from {server_from_url(url)} within {timeout:g} s")
    except (KiqError, RedisError) as error:
        fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


async def _ask(
    question: Callable[[Redis], Awaitable[T]], server: Server, timeout: float
) -> T:
    with trio.fail_after(timeout):
        async with open_redis(
            server, scripts=SCRIPTS, name="kiq-trio", command_timeout=timeout
        ) as redis:
            return await question(redis)
