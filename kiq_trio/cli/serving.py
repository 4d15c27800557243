"""Runs a `Kiq` as a program of its own, and does what signals ask."""

import logging
import os
import signal
from contextlib import suppress
from functools import partial

import attrs
import trio
from redis.exceptions import ResponseError

from kiq_trio._background import background
from kiq_trio.cli.leash import Leash
from kiq_trio.errors import NotRunningError
from kiq_trio.kiq import Kiq

logger = logging.getLogger("kiq_trio.cli")

GRACEFUL = 0
FAILED = 1
AT_ONCE = 130

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGTSTP, signal.SIGTTIN)

PATIENCE = 3.0
"""Seconds after the deadline that a stop may take, until we end without it."""

_ABANDON_TIMEOUT = 1.0


async def serve(kiq: Kiq, *, burst: bool = False, leash: Leash | None = None) -> int:
    """Run *kiq* until it is stopped; return the exit code.

    Args:
        kiq: what to run.
        burst: stop as soon as its queues are empty and nothing runs.
        leash: what ties us to the process that started us, if one did.

    Raises:
        ServerUnfitError: this Redis cannot be used.
        redis.exceptions.AuthenticationError: it refuses us.
    """
    program = Program(kiq)
    async with (
        background(program.obey),
        background(program.leave_the_deaf),
        background(partial(program.heel, leash)),
    ):
        with program.everything:
            async with kiq:
                try:
                    program.open()
                    await (program.work_off() if burst else kiq.wait_stop())
                finally:
                    # Also when a bug of ours ends it: the deaf do not hear that.
                    program.stopping.set()
    logger.info("stopped")
    return program.exit_code


@attrs.define(eq=False)
class Program:
    """A process that does nothing but run a `Kiq`.

    Attributes:
        kiq: what it runs.
        everything: cancelled by whoever cannot wait for a graceful stop.
        stopping: set once a stop has begun.
        exit_code: what the process will end with.
    """

    kiq: Kiq
    everything: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    stopping: trio.Event = attrs.field(factory=trio.Event, init=False)
    exit_code: int = attrs.field(default=GRACEFUL, init=False)
    _patience: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _is_open: bool = attrs.field(default=False, init=False)
    _is_quiet: bool = attrs.field(default=False, init=False)

    def open(self) -> None:
        """Do what was asked for before there was anybody to do it."""
        # One that ignores its start has nothing open, and ends by itself.
        self._is_open = not self.kiq.is_ignored
        if self._is_open and self._is_quiet:
            self.kiq.configure(quiet=True)

    async def obey(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Do what signals ask, for ever."""
        with trio.open_signal_receiver(*SIGNALS) as signals:
            task_status.started()
            async for number in signals:
                self._obey(signal.Signals(number))

    async def heel(
        self,
        leash: Leash | None,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Stop when the process that started us has ended without a word."""
        task_status.started()
        if leash is not None:
            leash.say_ready(self.kiq.config.shutdown_timeout)
            await leash.wait_cut()
            self._stop("our parent process is gone")

    async def work_off(self) -> None:
        """Wait until nothing is left to do, or somebody wants us to stop."""
        if not self._is_open:
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stop_when_idle)
            await self.kiq.wait_stop()
            nursery.cancel_scope.cancel()

    async def leave_the_deaf(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """End the process if a job keeps it from ending.

        A nursery must wait for a job that shields itself for ever, or that sits in
        a thread. A process need not: others give the job back.
        """
        task_status.started()
        with self._patience:
            await self.stopping.wait()
            self._expect_the_end_in(self.kiq.config.shutdown_timeout)
            await trio.sleep_forever()
        logger.error("some jobs do not end: they are left to other processes")
        with trio.move_on_after(_ABANDON_TIMEOUT), suppress(NotRunningError):
            await self.kiq.abandon()
        logging.shutdown()
        os._exit(self.exit_code or FAILED)

    async def _stop_when_idle(self) -> None:
        try:
            await self.kiq.wait_idle()
        except ResponseError as error:
            logger.error("Redis refuses jobs that were enqueued here: %s", error)
            self.exit_code = FAILED
        self._stop("nothing is left to do")

    def _obey(self, number: signal.Signals) -> None:
        if number is signal.SIGTTIN:
            logger.warning("what every task is doing:\n%s", self.kiq.describe_tasks())
        elif number is signal.SIGTSTP:
            self._quiet()
        elif number is signal.SIGINT and self.stopping.is_set():
            self._stop_at_once()
        else:
            self._stop(number.name)

    def _quiet(self) -> None:
        logger.info("SIGTSTP: we take no more jobs")
        self._is_quiet = True
        if self._is_open:
            self.kiq.configure(quiet=True)

    def _stop(self, reason: str) -> None:
        grace = self.kiq.config.shutdown_timeout
        logger.info("%s: running jobs have %g s to finish", reason, grace)
        self.stopping.set()
        if self._is_open:
            self.kiq.stop()
        else:
            # Still on our way to Redis: there is nothing to be graceful about.
            self.everything.cancel()
            self._expect_the_end_in(0)

    def _stop_at_once(self) -> None:
        logger.warning("SIGINT: running jobs are cancelled and put back")
        self.exit_code = AT_ONCE
        self.everything.cancel()
        self._expect_the_end_in(0)

    def _expect_the_end_in(self, seconds: float) -> None:
        end = trio.current_time() + seconds + PATIENCE
        self._patience.deadline = min(self._patience.deadline, end)
