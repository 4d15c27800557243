"""Keeps a number of worker processes at work: `kiq-trio run --processes`.

crashed      started anew after 0.5 s, then 1, 2, 4 s; a fifth crash in a row, each
within a minute of its start, and everybody is stopped
ended with 0 was asked to: its place stays empty
TERM, INT    passed on to all of them; we end when the last has ended
TSTP, TTIN   passed on
"""

import logging
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs
import trio

logger = logging.getLogger("kiq_trio.cli")

MOST_CRASHES = 5
QUICK = 60.0
"""Seconds: a process that lived longer had started well."""
_FIRST_WAIT = 0.5

_STOPS = (signal.SIGTERM, signal.SIGINT)


class Child(Protocol):
    """A worker process; see `kiq_trio.cli.child`."""

    @property
    def pid(self) -> int:
        """What the system calls it."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether it obeys signals."""
        ...

    async def wait_ready(self) -> None:
        """Wait until it obeys signals, or has gone."""
        ...

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code, or minus its signal."""
        ...

    def send(self, number: signal.Signals) -> None:
        """Pass a signal on."""
        ...

    def stop(self, number: signal.Signals, *, at_once: bool = False) -> None:
        """Ask it to stop, and expect that it does."""
        ...


@attrs.define(eq=False)
class Foreman:
    """Sees to it that `count` worker processes run.

    Attributes:
        start: runs a worker process for the length of a block.
        count: how many there should be.
        waits_for_change: whether a crashed one is started anew not after a while,
            but when the source has changed.
        exit_code: what we shall end with: the first that was not 0.
    """

    start: Callable[[], AbstractAsyncContextManager[Child]]
    count: int
    waits_for_change: bool = False
    exit_code: int = attrs.field(default=0, init=False)
    _children: set[Child] = attrs.field(factory=set, init=False)
    _replaced: set[Child] = attrs.field(factory=set, init=False)
    _has_begun: bool = attrs.field(default=False, init=False)
    _is_quiet: bool = attrs.field(default=False, init=False)
    _stopping: trio.Event = attrs.field(factory=trio.Event, init=False)
    _change: trio.Event = attrs.field(factory=trio.Event, init=False)

    async def run(self) -> None:
        """Keep all places filled, until everybody has ended."""
        async with trio.open_nursery() as nursery:
            for _ in range(self.count):
                nursery.start_soon(self._fill)

    def obey(self, number: signal.Signals) -> None:
        """Do what a signal asks, and let every process do so."""
        if number in _STOPS:
            # As for a single process, only a second INT is in a hurry.
            is_again = self._stopping.is_set() and number is signal.SIGINT
            logger.info("%s: stopping %d processes", number.name, len(self._children))
            self._stop(number, at_once=is_again)
            return
        self._is_quiet |= number is signal.SIGTSTP
        for child in self._children:
            if child.is_ready:
                child.send(number)

    def replace(self) -> None:
        """Stop every process gracefully, each to be followed by a new one."""
        change, self._change = self._change, trio.Event()
        change.set()
        for child in self._children - self._replaced:
            self._replaced.add(child)
            child.stop(signal.SIGTERM)

    async def _fill(self) -> None:
        crashes = 0
        while not self._stopping.is_set():
            change = self._change
            began = trio.current_time()
            code, is_replaced = await self._employ()
            if is_replaced and not self._stopping.is_set():
                continue
            if code == 0 or self._stopping.is_set():
                self._note(code)
                return
            if self.waits_for_change:
                logger.error("%s; waiting for a change", _describe(code))
                await change.wait()
                continue
            crashes = crashes + 1 if trio.current_time() - began < QUICK else 1
            if crashes == MOST_CRASHES or not self._has_begun:
                self._give_up(code, crashes)
                return
            seconds = _FIRST_WAIT * 2 ** (crashes - 1)
            logger.error("%s; a new one comes in %g s", _describe(code), seconds)
            with trio.move_on_after(seconds):
                await self._stopping.wait()

    async def _employ(self) -> tuple[int, bool]:
        """Return how a new process ended, and whether we had it replaced."""
        async with self.start() as child, trio.open_nursery() as nursery:
            self._children.add(child)
            nursery.start_soon(self._welcome, child)
            try:
                # A signal that came while it was being started.
                if self._stopping.is_set():
                    child.stop(signal.SIGTERM)
                code = await child.wait()
            finally:
                self._children.discard(child)
            nursery.cancel_scope.cancel()
        is_replaced = child in self._replaced
        self._replaced.discard(child)
        return code, is_replaced

    async def _welcome(self, child: Child) -> None:
        await child.wait_ready()
        self._has_begun |= child.is_ready
        if child.is_ready and self._is_quiet:
            child.send(signal.SIGTSTP)

    def _give_up(self, code: int, crashes: int) -> None:
        self._note(code)
        what = f"the {crashes}th in a row" if self._has_begun else "none could start"
        logger.critical("%s, %s: we give up and stop all", _describe(code), what)
        self._stop(signal.SIGTERM)

    def _stop(self, number: signal.Signals, *, at_once: bool = False) -> None:
        self._stopping.set()
        # Nobody waits for a change any more.
        self._change.set()
        for child in self._children:
            # An interrupt that is not expected yet would show a traceback.
            child.stop(number if child.is_ready else signal.SIGTERM, at_once=at_once)

    def _note(self, code: int) -> None:
        # Whoever is stopped before it obeys signals is ended by ours.
        if code != -signal.SIGTERM:
            self.exit_code = self.exit_code or (code if code >= 0 else 128 - code)


def _describe(code: int) -> str:
    if code >= 0:
        return f"a worker process ended with exit code {code}"
    return f"a worker process was ended by {signal.Signals(-code).name}"
