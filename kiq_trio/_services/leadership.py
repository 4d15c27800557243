"""Whether we lead: until when at the latest, and under which term."""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import attrs
import trio

from kiq_trio.errors import NotRunningError

P = ParamSpec("P")
R = TypeVar("R")


@attrs.define(eq=False)
class Leadership:
    """What the candidate knows of our lead, and everybody else asks for.

    The lead ends by itself when its time is over: by the clock whenever somebody
    asks, and in scopes by their deadline. So nobody relies on a task that a blocked
    event loop keeps from running.
    """

    _term: int = attrs.field(default=0, init=False)
    _until: float = attrs.field(default=-math.inf, init=False)
    _scopes: set[trio.CancelScope] = attrs.field(factory=set, init=False)
    _change: trio.Event = attrs.field(factory=trio.Event, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)

    @property
    def term(self) -> int | None:
        """The term under which we lead; None when we do not."""
        return self._term if trio.current_time() < self._until else None

    @property
    def is_closed(self) -> bool:
        """Whether we shall never lead again."""
        return self._is_closed

    def hold(self, term: int, until: float) -> None:
        """We lead under *term*, and until that moment on Trio's clock at least."""
        if term != self._term:
            self._end_scopes()
        self._term, self._until = term, until
        for scope in self._scopes:
            scope.deadline = until
        self._tell()

    def lose(self) -> None:
        """We lead no longer."""
        self._until = -math.inf
        self._end_scopes()
        self._tell()

    def close(self) -> None:
        """We lead no longer, and never again."""
        self._is_closed = True
        self.lose()

    async def wait_held(self) -> int:
        """Wait until we lead; return the term.

        Raises:
            NotRunningError: we stopped, and shall never lead.
        """
        await trio.lowlevel.checkpoint()
        while (term := self.term) is None:
            if self._is_closed:
                raise NotRunningError("the lead is not sought any more: we stopped")
            await self._change.wait()
        return term

    async def wait_lost(self, term: int) -> None:
        """Wait until we lead under *term* no longer."""
        while self.term == term:
            with trio.move_on_at(self._until):
                await self._change.wait()

    @contextmanager
    def scope(self) -> Iterator[trio.CancelScope]:
        """Open a scope that is cancelled when the lead is lost."""
        with trio.CancelScope(deadline=self._until) as scope:
            self._scopes.add(scope)
            try:
                yield scope
            finally:
                self._scopes.discard(scope)

    async def run(
        self, function: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run *function* while we lead, anew with each lead; return what it returns."""
        while True:
            await self.wait_held()
            with self.scope():
                return await function(*args, **kwargs)

    def _end_scopes(self) -> None:
        for scope in self._scopes:
            scope.cancel()
        # Once cancelled, a scope is not reopened by a new lead.
        self._scopes.clear()

    def _tell(self) -> None:
        change, self._change = self._change, trio.Event()
        change.set()
