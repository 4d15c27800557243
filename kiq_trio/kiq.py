"""The door: enqueue jobs, run them, stop gracefully."""

import logging
import random as chance
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

import trio

from kiq_trio._enqueuing import Enqueuing
from kiq_trio._house import House, open_house
from kiq_trio._layers import check_arguments
from kiq_trio._leading import Leading
from kiq_trio._listening import Listening
from kiq_trio._locking import Locking
from kiq_trio._plant import Tools
from kiq_trio._queueing import Queueing
from kiq_trio._reporters.instrumenter import Instrumenter
from kiq_trio._sandboxing import Sandboxing
from kiq_trio._services.heartbeat import Portrait
from kiq_trio._services.stacks import describe_tasks
from kiq_trio._steering import Steering
from kiq_trio._store.inspecting import count_jobs
from kiq_trio._store.registering import leave
from kiq_trio._version import __version__
from kiq_trio._wire.seam import Server
from kiq_trio.config import Config
from kiq_trio.reporter import Reporter
from kiq_trio.stats import Stats

logger = logging.getLogger("kiq_trio")


class Kiq(Enqueuing, Leading, Listening, Locking, Queueing, Sandboxing, Steering):
    """Background jobs in a Redis that may be shared with Sidekiq.

    Use it as a block in a Trio program, which enqueues and runs jobs::

        async with Kiq(queues={"default": 25}, workers=[welcome]) as kiq:
            await kiq.enqueue(welcome.new(42))
            await kiq.wait_idle()

    Leaving the block takes no more jobs, gives those that run `shutdown_timeout`
    to finish, and puts the others back. Several instances may live side by side.
    One that was left may be entered again.

    Its options may also be attributes of a subclass, or come from its `init`. What
    is given here goes before the one, and `init` before both::

        class AppKiq(Kiq):
            queues = {"default": 25, "mail": 5}
            workers = [welcome]

    Args:
        redis_url: `redis://`, `rediss://`, `unix://`, `redis+sentinel://`, or one
            of our own: `embedded://[directory]` starts a server that keeps its
            jobs there, `memory://` keeps them in this process. By default the
            variable `REDIS_URL`, else `redis://localhost:6379/0`. A `Server` may
            be given as well.
        clock: returns the epoch seconds to stamp jobs with; the server's by
            default.
        random: returns chance, from 0 up to 1.
        embedded: whether we are part of somebody's program, so that no button of
            Sidekiq's UI may stop us.
        **options: see `kiq_trio.config.Config`.

    Raises:
        ConfigError: an option is unknown, or its value cannot work.
    """

    def __init__(
        self,
        *,
        redis_url: str | Server | None = None,
        clock: Callable[[], float] | None = None,
        random: Callable[[], float] = chance.random,
        embedded: bool = True,
        **options: Any,
    ) -> None:
        check_arguments(clock=clock, random=random, embedded=embedded)
        self._clock = clock
        self._is_entered = False
        self._configure(Kiq, {"redis_url": redis_url, **options})
        self.stats = Stats()
        self.instrumenter = Instrumenter()
        self._random = random
        self.is_embedded = embedded
        self._house: House | None = None
        self._opening: AbstractAsyncContextManager[House] | None = None
        self._stop_asked = trio.Event()

    def __repr__(self) -> str:
        name, queues = type(self).__name__, ", ".join(self.config.queues)
        return f"<{name} on {self._setup.server}, queues {queues}>"

    async def __aenter__(self) -> Self:
        if self._is_entered:
            raise RuntimeError(f"{self!r} is started already")
        self._is_entered = True
        try:
            # Inside of a sandbox that has been asked already.
            if self._scopes is not None or await self._prepare_start():
                self._opening = self._open()
                self._house = await self._opening.__aenter__()
        except BaseException:
            self._opening = None
            self._is_entered = False
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        try:
            if self._opening is None:
                return None
            return await self._opening.__aexit__(kind, error, trace)
        finally:
            self._opening = None
            self._is_entered = False
            if self._scopes is None:
                self._house = None
            # Whoever waits to be told of the stop is told of it now at the latest.
            self._stop_asked.set()
            self._stop_asked = trio.Event()

    async def run(
        self, *, task_status: trio.TaskStatus["Kiq"] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run until `stop`: `kiq = await nursery.start(Kiq(...).run)`."""
        async with self:
            task_status.started(self)
            await self.wait_stop()

    def stop(self) -> None:
        """Ask `run` to end gracefully."""
        self._stop_asked.set()

    async def wait_stop(self) -> None:
        """Wait until `stop` is called, by us or by a button of Sidekiq's UI.

        There is nothing to wait for if `init` returned `IGNORE`.
        """
        if self.is_ignored:
            await trio.lowlevel.checkpoint()
        else:
            await self._stop_asked.wait()

    async def abandon(self) -> None:
        """Leave what still runs to the other processes, which take it at once.

        Only for a program that ends the very next moment, whatever its jobs do.
        """
        plant = self._running().plant
        if plant is not None:
            await leave(self.redis, plant.lease.identity)

    def configure(
        self,
        *,
        quiet: bool | None = None,
        queues: Mapping[str, int] | None = None,
    ) -> None:
        """Change what this process does; jobs that run are not affected.

        Args:
            quiet: take no more jobs, or do so again.
            queues: how many jobs run at once, for some queues or all: see `resize`.

        Raises:
            ConfigError: nobody here works off such a queue, or by such a number;
                then nothing was changed.
        """
        plant = self._running().plant
        self._resize(queues or {})
        if plant is not None and quiet is not None:
            plant.lease.is_quiet = quiet

    async def wait_idle(self) -> None:
        """Wait until our queues are empty and nothing runs here.

        What is scheduled for later, waits for its retry or in a paused queue, does
        not count; nor does what other processes have fetched and not ended.

        Raises:
            RuntimeError: we are in a sandbox, where nothing runs but for `drain`.
            redis.exceptions.ResponseError: as `flush`.
        """
        house = self._running()
        if self._scopes is not None and self.config.test_mode != "inline":
            raise RuntimeError("in a sandbox nothing runs by itself: `await drain()`")
        queues = tuple(self.config.queues)
        while True:
            await house.buffer.flush()
            plant = house.plant
            identity = plant.lease.identity if plant is not None else ""
            waiting = await count_jobs(house.redis, queues, identity)
            if not waiting and (plant is None or plant.is_idle):
                return
            await trio.sleep(self.config.fetch_interval / 20)

    def describe_tasks(self) -> str:
        """Return the tree of all tasks of this program, for a log.

        With the lines that each waits on; those that run a job of ours are named by
        it. Never with local variables, which may be secrets.
        """
        plant = self._house.plant if self._house is not None else None
        return describe_tasks(*([] if plant is None else [plant.ledger]))

    def _open(self) -> AbstractAsyncContextManager[House]:
        if self._scopes is not None:
            return self._join()
        if self.config.test_mode != "disabled":
            return self._open_sandbox()
        self._warn_of_unserved()
        tools = Tools(self._setup.server, self._now, self._random)
        return self._build(self.config, tools, ())

    def _build(
        self, config: Config, tools: Tools, reporters: Sequence[Reporter]
    ) -> AbstractAsyncContextManager[House]:
        return open_house(
            config,
            tools,
            client=secrets.token_hex(12),
            portrait=Portrait(
                tag=config.tag,
                started_at=tools.now(),
                is_embedded=self.is_embedded,
                version=__version__,
            ),
            reporters=[*self._reporters(config), *reporters],
            stats=self.stats,
            on_signal=self._obey,
        )

    async def _obey(self, signal: str) -> None:
        """Do what a button of Sidekiq's UI asks for (wire.md §4.5)."""
        if signal == "TTIN":
            logger.warning("what every task is doing:\n%s", self.describe_tasks())
        elif self.is_embedded:
            logger.warning("%s ignored: we are part of a program", signal)
        elif signal == "TSTP":
            self.configure(quiet=True)
        elif signal == "TERM":
            self.stop()
