"""Two workers, one job, and the end of the worker that runs it."""

import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from bench.peers.catalogue import Peer
from bench.peers.environments import ROOT, PeerError, Program, call

SETTLE = 15.0
"""Seconds until both workers are surely up, also if all of them start at once."""
START_TIMEOUT = 60.0
GRACE = 1.0
"""Seconds that the job runs before its process is killed."""
SLEEP = 600
"""Seconds that the job would take: it never ends by itself."""
POLL = 0.05


@attrs.frozen
class Scene:
    """Two workers of one peer, and the file in which their jobs say that they run."""

    program: Program
    peer: Peer
    url: str
    runs: Path

    async def worker(self) -> trio.Process:
        """Start a worker, with nobody to listen to it."""
        return await trio.lowlevel.open_process(
            self._command("hold", str(self.runs), str(SLEEP)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )

    async def enqueue(self) -> None:
        """Enqueue one job."""
        await call(self._command("singly"), START_TIMEOUT)

    async def run(self, number: int) -> tuple[int, float]:
        """Wait for a run; return the process that has it, and the moment."""
        # Another process writes it.
        while len(lines := self._lines()) < number:  # noqa: ASYNC110
            await trio.sleep(POLL)
        pid, moment = lines[number - 1].split()
        return int(pid), float(moment)

    def _lines(self) -> list[str]:
        return self.runs.read_text().splitlines() if self.runs.exists() else []

    def _command(self, part: str, *more: str) -> list[str]:
        numbers = ("0", "1", str(self.peer.concurrency))
        command = (*self.program.command, part, self.url, *numbers, *more)
        return [str(word) for word in command]


@asynccontextmanager
async def open_workers(scene: Scene) -> AsyncIterator[dict[int, trio.Process]]:
    """Start two workers; they are killed when the block is left."""
    processes = [await scene.worker() for _ in range(2)]
    try:
        yield {process.pid: process for process in processes}
    finally:
        for process in processes:
            process.kill()
        with trio.CancelScope(shield=True):  # they are dead already.
            for process in processes:
                await process.wait()


async def kill(scene: Scene, limit: float) -> float | None:
    """Return the seconds from a kill until the job runs again, or None.

    Raises:
        PeerError: the job did not even run once.
    """
    async with open_workers(scene) as workers:
        await trio.sleep(SETTLE)
        await scene.enqueue()
        try:
            with trio.fail_after(START_TIMEOUT):
                pid, _ = await scene.run(1)
        except trio.TooSlowError:
            raise PeerError("no worker ran the job") from None
        await trio.sleep(GRACE)
        workers[pid].kill()
        killed = time.monotonic()
        with trio.move_on_after(limit):
            _, moment = await scene.run(2)
            return moment - killed
    return None
