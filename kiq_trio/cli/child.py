"""A worker process, as the process sees it that started it."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import trio

from kiq_trio.cli.leash import VARIABLE, Hand, make_leash

logger = logging.getLogger("kiq_trio.cli")

PATIENCE = 5.0
"""Seconds beyond its own deadline that a child may need to end."""

_USUAL_GRACE = 25.0


@attrs.define(eq=False)
class ChildProcess:
    """A fresh interpreter with our own command line.

    Attributes:
        process: it.
        hand: our end of its leash.
    """

    process: trio.Process
    hand: Hand
    _patience: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)

    @property
    def pid(self) -> int:
        """What the system calls it."""
        return self.process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it obeys signals; before, some of them would suspend it."""
        return self.hand.grace is not None

    async def wait_ready(self) -> None:
        """Wait until it obeys signals, or has gone."""
        await self.hand.listen()

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code, or minus its signal.

        One that does not stop in time is killed; others give its jobs back.
        """
        with self._patience:
            return await self.process.wait()
        logger.error("worker process %d does not stop: it is killed", self.pid)
        self.process.kill()
        return await self.process.wait()

    def send(self, number: signal.Signals) -> None:
        """Pass a signal on."""
        self.process.send_signal(number)

    def stop(self, number: signal.Signals, *, at_once: bool = False) -> None:
        """Ask it to stop by *number*, and expect that it does."""
        grace = 0.0 if at_once else self.hand.grace or _USUAL_GRACE
        end = trio.current_time() + grace + PATIENCE
        self._patience.deadline = min(self._patience.deadline, end)
        self.send(number)


@asynccontextmanager
async def open_child(arguments: Sequence[str]) -> AsyncIterator[ChildProcess]:
    """Run `kiq-trio` with *arguments* for the length of the block.

    In a session of its own: what a terminal sends is sent to us, and we pass it
    on. Should we be killed, its leash is cut and it stops by itself.
    """
    hand, theirs = make_leash()
    async with hand.stream:
        with theirs:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "kiq_trio", *arguments],
                env={**os.environ, VARIABLE: str(theirs.fileno())},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        try:
            yield ChildProcess(process, hand)
        finally:
            # Of use only when a bug of ours ends the block: otherwise it has ended.
            process.kill()
            # Shielded, for no process may be left to nobody; short, since nobody
            # survives this signal.
            with trio.CancelScope(shield=True):
                await process.wait()
