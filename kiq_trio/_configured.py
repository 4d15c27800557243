"""What a `Kiq` is made with, and what it may still learn when it starts."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from kiq_trio._layers import (
    IGNORE,
    Answer,
    Setup,
    check_answer,
    join,
    lend,
    make_setup,
    read_class,
    spread,
)
from kiq_trio._opened import Opened
from kiq_trio._wire.servers import find_url
from kiq_trio.config import Config

logger = logging.getLogger("kiq_trio")


class Configured(Opened):
    """The part of a `Kiq` that knows its options."""

    _now: Callable[[], float]
    _clock: Callable[[], float] | None
    _options: dict[str, Any]
    _overrides: dict[str, Any]
    _setup: Setup
    _is_entered: bool

    @property
    def config(self) -> Config:
        """The options: those it was made with, or was last started with."""
        return self._setup.config

    def init(self, opts: dict[str, Any]) -> Answer | Awaitable[Answer]:
        """Return the options to start with; override it for what is not known before.

        It is called at the start of each block, and may be async::

            class AppKiq(Kiq):
                async def init(self, opts):
                    if not await may_run():
                        return IGNORE
                    return {**opts, "redis_url": await read_secret("redis")}

        With `IGNORE` nothing starts: the block is entered, `is_ignored` is true,
        whoever enqueues is told so by a `NotRunningError`, and `run` returns at
        once. By default it adds the environment's `REDIS_URL`, if no URL was given.

        Args:
            opts: what was given so far, by the class and to the constructor; yours
                to change. Defaults are not among it. A URL that was given in
                `client_opts` is called `redis_url`.

        Returns:
            Mapping: the options, or `IGNORE`, or an awaitable of either.
        """
        opts.setdefault("redis_url", find_url())
        return opts

    def override(self, **options: Any) -> None:
        """Set options that go before all others, before those of `init` as well.

        For whoever starts a program that somebody else wrote.

        Raises:
            ConfigError: an option is unknown, or its value cannot work.
            RuntimeError: it is started already.
        """
        if self._is_entered:
            raise RuntimeError(f"{self!r} is started already")
        overrides = {**self._overrides, **spread(options)}
        self._adopt(make_setup({**self._options, **overrides}, self._setup))
        self._overrides = overrides

    def _configure(self, base: type, given: dict[str, Any]) -> None:
        """Take the options of the class, as far as it is not *base*, and *given*."""
        self._options = join(read_class(self, base), given)
        self._overrides = {}
        self._adopt(make_setup(self._options))

    async def _prepare_start(self) -> bool:
        """Ask `init` for the options to start with; return whether to start."""
        answer: object = self.init(lend(self._options))
        if inspect.isawaitable(answer):
            answer = await answer
        checked = check_answer(answer)
        self.is_ignored = checked is IGNORE
        if checked is IGNORE:
            logger.info("%r: nothing is started, since its init returned IGNORE", self)
            return False
        self._adopt(make_setup({**spread(checked), **self._overrides}, self._setup))
        return True

    def _warn_of_unserved(self) -> None:
        """Say whose jobs would wait for us in vain; maybe others work them off."""
        config = self.config
        waiting = ", ".join(
            f"jobs of {', '.join(names)} wait in {queue!r}"
            for queue, names in config.unserved.items()
        )
        if waiting and config.server:
            served = ", ".join(config.queues) or "none"
            logger.warning(
                "%s, which this Kiq does not work off (queues: %s)", waiting, served
            )

    def _adopt(self, setup: Setup) -> None:
        self._setup = setup
        self._now = self._clock or setup.server.clock
