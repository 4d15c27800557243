"""Our right to hold jobs: who we are in Redis, and whether we may be sure of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import trio
from trio_util import AsyncBool


class Lease:
    """Who we are in Redis, and whether nobody else can believe us dead.

    Presence writes it, everything that holds jobs reads it.

    Attributes:
        identity: our name in Redis; it changes when we were buried.
        may_fetch: whether we may hold more jobs, and want to.
    """

    def __init__(self) -> None:
        self.identity = ""
        self.may_fetch = AsyncBool(value=False)
        self._is_held = False
        self._is_quiet = False
        self._exclusive: set[trio.CancelScope] = set()

    @property
    def is_held(self) -> bool:
        """False from the moment on in which others might soon have our jobs."""
        return self._is_held

    @property
    def is_quiet(self) -> bool:
        """Whether somebody wants us to take no more jobs."""
        return self._is_quiet

    @is_quiet.setter
    def is_quiet(self, quiet: bool) -> None:
        self._is_quiet = quiet
        self._decide()

    def grant(self, identity: str) -> None:
        """Redis knows us under *identity* from now on."""
        self.identity = identity
        self.resume()

    def resume(self) -> None:
        """Trust ourselves again: Redis has heard us in time."""
        self._is_held = True
        self._decide()

    def suspend(self) -> None:
        """Stop trusting ourselves, and end what must never run twice at once."""
        self._is_held = False
        self._decide()
        for scope in self._exclusive:
            scope.cancel()

    @contextmanager
    def exclusive(self) -> Iterator[trio.CancelScope]:
        """Open a scope that is cancelled as soon as the lease is in doubt."""
        with trio.CancelScope() as scope:
            self._exclusive.add(scope)
            if not self._is_held:
                scope.cancel()
            try:
                yield scope
            finally:
                self._exclusive.discard(scope)

    def _decide(self) -> None:
        self.may_fetch.value = self._is_held and not self._is_quiet
