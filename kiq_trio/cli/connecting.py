"""What commands that only talk to Redis share: their options, and the connection."""

import logging
import math
import signal
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias, TypeVar

import attrs
import trio
import typer
from redis.exceptions import RedisError

from kiq_trio._background import background
from kiq_trio._fields import SIDEKIQS
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.seam import Server
from kiq_trio._wire.servers import server_from_url
from kiq_trio.cli.ending import INTERRUPTED, MISUSED, fail
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

Sidekiq: TypeAlias = Annotated[
    int,
    typer.Option(
        "--sidekiq",
        metavar="VERSION",
        envvar="KIQ_TRIO_SIDEKIQ",
        min=min(SIDEKIQS),
        max=max(SIDEKIQS),
        help="The oldest Sidekiq that shares this Redis: it decides how times are "
        "written.",
    ),
]

TIMEOUT = 10.0


class BrokenOffError(Exception):
    """Somebody pressed Ctrl-C; what the command had done so far stays done."""


class SilentError(Exception):
    """Redis did not answer in time."""


@attrs.define(eq=False)
class Patience:
    """How long we wait for Redis: so long from the last sign of progress.

    Attributes:
        timeout: how many seconds.
        loss: why there was no connection, if there was none.
        scope: what is cancelled in the end.
        is_broken_off: whether somebody had no patience with us.
    """

    timeout: float
    loss: BaseException | None = None
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    is_broken_off: bool = False

    def renew(self, more: float = 0.0) -> None:
        """Begin to wait anew, for *more* seconds than usual."""
        self.scope.deadline = trio.current_time() + self.timeout + more

    async def heed(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """End it when somebody breaks it off."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                self.is_broken_off = True
                self.scope.cancel()


def ask(
    question: Callable[[Redis], Awaitable[T]],
    url: str | None,
    timeout: float,
    *,
    as_json: bool = False,
) -> T:
    """Return the answer to *question*, asked of the Redis at *url*.

    Ends the command with a sentence if there is none within *timeout* seconds.
    """

    async def once(redis: Redis, _patience: Patience) -> T:
        return await question(redis)

    return work(once, url, timeout, as_json=as_json)


def work(
    deed: Callable[[Redis, Patience], Awaitable[T]],
    url: str | None,
    timeout: float,
    *,
    as_json: bool = False,
    so_far: Callable[[], str] = str,
) -> T:
    """Do as `ask` what may take long, as long as its patience is renewed in time.

    Interrupted, the deed is cancelled and may clean up; the command ends there. If
    it ends early, *so_far* says what was done.
    """

    async def connected(server: Server, patience: Patience) -> T:
        async with open_redis(
            server, scripts=SCRIPTS, name="kiq-trio", command_timeout=timeout
        ) as redis:
            try:
                return await deed(redis, patience)
            finally:
                patience.loss = redis.last_loss

    return attend(connected, url, timeout, as_json=as_json, so_far=so_far)


def attend(
    deed: Callable[[Server, Patience], Awaitable[T]],
    url: str | None,
    timeout: float,
    *,
    as_json: bool = False,
    so_far: Callable[[], str] = str,
) -> T:
    """Do as `work` does what makes connections of its own."""
    # Whoever waits for an answer is told why there is none, once and by us.
    logging.getLogger("kiq_trio").addHandler(logging.NullHandler())
    if not 0 < timeout < math.inf:
        wrong = f"--timeout must be more than 0 s, got {timeout:g}"
        fail(wrong, code=MISUSED, as_json=as_json)
    try:
        server = server_from_url(url)
    except ConfigError as error:
        fail(error, code=MISUSED, as_json=as_json)
    try:
        return trio.run(_attend, deed, server, Patience(timeout))
    except BrokenOffError:
        fail(_join("interrupted", so_far()), code=INTERRUPTED, as_json=as_json)
    except (KiqError, RedisError, SilentError) as error:
        fail(_join(str(error), so_far()), as_json=as_json)


def _join(*sentences: str) -> str:
    return "; ".join(filter(None, sentences))


async def _attend(
    deed: Callable[[Server, Patience], Awaitable[T]], server: Server, patience: Patience
) -> T:
    async with background(patience.heed):
        patience.renew()
        with patience.scope:
            return await deed(server, patience)
    if patience.is_broken_off:
        raise BrokenOffError
    loss = patience.loss
    why = f": {str(loss) or type(loss).__name__}" if loss else ""
    raise SilentError(f"no answer from {server} within {patience.timeout:g} s{why}")
