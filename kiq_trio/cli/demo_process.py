"""A process of the demonstration: `kiq-trio run`, as anybody would start it."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from kiq_trio.cli.demo_jobs import FOLDER
from kiq_trio.errors import KiqError

COMMAND = (sys.executable, "-m", "kiq_trio", "run", "kiq_trio.cli.demo_jobs:make_kiq")


@attrs.frozen(slots=False)
class WorkerFailedError(KiqError):
    """A process of the demonstration ended by itself, or not as it should."""

    exit_code: int
    log: Path

    def __str__(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return (
            f"the worker process ended with exit code {self.exit_code}; "
            f"the end of {self.log} says: {' | '.join(lines[-3:]) or 'nothing'}"
        )


@attrs.define(eq=False)
class WorkerProcess:
    """A process that runs jobs."""

    process: trio.Process
    log: Path

    @property
    def pid(self) -> int:
        """What the system calls it."""
        return self.process.pid

    async def check(self, seconds: float) -> None:
        """Wait, and see that it is still there.

        Raises:
            WorkerFailedError: it is not.
        """
        with trio.move_on_after(seconds):
            raise WorkerFailedError(await self.process.wait(), self.log)

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        """Let it end gracefully.

        Raises:
            WorkerFailedError: it did not.
        """
        self.process.terminate()
        exit_code = await self.process.wait()
        if exit_code:
            raise WorkerFailedError(exit_code, self.log)


@asynccontextmanager
async def open_worker_process(folder: Path, name: str) -> AsyncIterator[WorkerProcess]:
    """Run a worker process for the length of the block."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = await trio.lowlevel.open_process(
            COMMAND,
            env={**os.environ, FOLDER: str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C is for us: we end it when we end.
            start_new_session=True,
        )
    try:
        yield WorkerProcess(process, log)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
