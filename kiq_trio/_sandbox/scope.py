"""Scopes: each has a server, a house and a record of its own.

So a test that takes a unique lock, fills a queue or moves the clock is felt by no
other, even if both use one `Kiq`. Which scope a job belongs to is said by the task
that enqueues it: Trio's tasks inherit the context of those that start them.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from copy import copy
from functools import partial
from typing import Any

import attrs

from kiq_trio._house import House
from kiq_trio._plant import Tools
from kiq_trio._sandbox.moving import MovableClock
from kiq_trio._sandbox.recording import Journal, Record, RecordingBuffer
from kiq_trio._wire.seam import Server
from kiq_trio._wire.servers import server_from_url
from kiq_trio.config import Config
from kiq_trio.errors import ConfigError
from kiq_trio.reporter import Reporter
from kiq_trio.timing import Timing
from kiq_trio.worker import AnyWorker

Opener = Callable[
    [Config, Tools, Sequence[Reporter]], AbstractAsyncContextManager[House]
]
"""Opens a house as a `Kiq` does, with more reporters than its own."""

# The scopes a task is in, innermost last; they may be of several instances.
_inside: ContextVar[tuple["Scope", ...]] = ContextVar("kiq_trio scopes", default=())


@attrs.define(eq=False)
class Scope:
    """What a test, or a part of it, enqueues with one `Kiq`.

    Attributes:
        scopes: its siblings.
        server: where its jobs are, in this process.
        clock: what time it is for its jobs.
        house: the client half of the `Kiq`, on that server.
        journal: what was enqueued.
        is_open: whether jobs may still come.
        is_draining: whether its jobs are being performed.
    """

    scopes: "Scopes"
    server: Server
    clock: MovableClock
    house: House
    journal: Journal
    is_open: bool = True
    is_draining: bool = False

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be in this scope, with all tasks that are started meanwhile."""
        token = _inside.set((*_inside.get(), self))
        try:
            yield
        finally:
            _inside.reset(token)


@attrs.define(eq=False)
class Scopes:
    """All scopes of one `Kiq` in its sandbox.

    Attributes:
        config: the options of the `Kiq`.
        open_house: opens a house for it.
        now: returns epoch seconds; each scope may be ahead of it.
        random: returns chance, from 0 up to 1.
        records: what was enqueued in any scope, oldest first.
        outermost: the scope of tasks that are in none.
    """

    config: Config
    open_house: Opener
    now: Callable[[], float]
    random: Callable[[], float]
    records: list[Record] = attrs.field(factory=list, init=False)
    outermost: Scope | None = attrs.field(default=None, init=False)

    def current(self) -> Scope:
        """Return the scope that this task is in."""
        for scope in reversed(_inside.get()):
            # A task may outlive the scope it was started in.
            if scope.scopes is self and scope.is_open:
                return scope
        assert self.outermost is not None
        return self.outermost

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Scope]:
        """Open a scope; the first one is the outermost."""
        clock = MovableClock(self.now)
        server = _open_server(clock)
        journal = Journal(clock, self.records)
        buffer = partial(RecordingBuffer, journal=journal)
        tools = Tools(server, clock, self.random, buffer=buffer)
        config = as_in_process(self.config, server=False)
        async with self.open_house(config, tools, ()) as house:
            scope = Scope(self, server, clock, house, journal)
            if self.outermost is None:
                house.stand_in = lambda: self.current().house
                self.outermost = scope
            try:
                yield scope
            finally:
                scope.is_open = False


def as_in_process(config: Config, **changes: Any) -> Config:
    """Return *config* with *changes*, for a server in this process.

    Nothing comes by the clock: a test has only what it enqueues.
    """
    # By name in a config, by themselves where a config is made.
    workers = changes.pop("workers", config.workers.values())
    return attrs.evolve(
        config,
        workers=[_without_periodics(one) for one in workers],
        periodics=(),
        timing=attrs.evolve(Timing.in_process(), retry=config.timing.retry),
        **changes,
    )


def _without_periodics(worker: AnyWorker) -> AnyWorker:
    if not worker.periodics:
        return worker
    plain = copy(worker)
    plain.periodics = ()
    return plain


def _open_server(clock: Callable[[], float]) -> Server:
    try:
        return server_from_url("memory://", clock=clock)
    except ConfigError:
        raise ConfigError(
            "a sandbox keeps its jobs in this process, and needs fakeredis for it: "
            "install kiq-trio[memory]"
        ) from None
