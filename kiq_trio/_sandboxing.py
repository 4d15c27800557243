"""What a `Kiq` does in a test."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from kiq_trio._configured import Configured
from kiq_trio._house import House
from kiq_trio._plant import Tools
from kiq_trio._sandbox.sandbox import Sandbox
from kiq_trio._sandbox.scope import Scopes
from kiq_trio._wire.clock import TrioClock
from kiq_trio.config import Config
from kiq_trio.reporter import Reporter


class Sandboxing(Configured):
    """The part of a `Kiq` that stays away from Redis while a test runs."""

    _random: Callable[[], float]
    _scopes: Scopes | None = None

    @asynccontextmanager
    async def sandboxed(self) -> AsyncIterator[Sandbox]:
        """Keep all jobs of this `Kiq` in a sandbox, where a test can look at them.

        It may be entered as usual inside of the block, or be used without. Nothing
        is connected whatever its URL, and nothing is run. Inside of another
        sandbox it is a scope of its own, as `Sandbox.scope` opens one.

        Raises:
            ConfigError: the extra `memory` is not installed.
            RuntimeError: it is running outside of a sandbox, or does not start, since
                its `init` returned `IGNORE`.
        """
        if self._scopes is not None:
            async with Sandbox(self._scopes.current()).scope() as inner:
                yield inner
        elif self._house is not None:
            raise RuntimeError(f"{self!r} is running already, outside of a sandbox")
        elif not await self._prepare_start():
            raise RuntimeError(f"{self!r} does not start: its init returned IGNORE")
        else:
            async with self._open_sandbox():
                yield self.sandbox

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox that this task's jobs go to.

        Raises:
            RuntimeError: it is in none: `test_mode` is "disabled", and this is not
                the block of `sandboxed`.
        """
        if self._scopes is None:
            raise RuntimeError(f"{self!r} is not in a sandbox")
        return Sandbox(self._scopes.current())

    @asynccontextmanager
    async def _open_sandbox(self) -> AsyncIterator[House]:
        now = self._now
        scopes = Scopes(
            config=self.config,
            open_house=self._build,
            now=self._clock or TrioClock(),
            random=self._random,
        )
        async with scopes.open() as scope:
            self._scopes, self._house = scopes, scope.house
            self._now = lambda: scopes.current().clock()
            is_inline = self.config.test_mode == "inline"
            try:
                async with self.sandbox.inline() if is_inline else nullcontext():
                    yield scope.house
            finally:
                self._scopes = self._house = None
                self._now = now

    @asynccontextmanager
    async def _join(self) -> AsyncIterator[House]:
        """Be entered inside of a sandbox, which is open already and stays open."""
        assert self._scopes is not None
        assert self._scopes.outermost is not None
        yield self._scopes.outermost.house

    def _build(
        self, config: Config, tools: Tools, reporters: Sequence[Reporter]
    ) -> AbstractAsyncContextManager[House]:
        raise NotImplementedError
