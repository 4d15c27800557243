"""Processes of their own, for what cannot be measured in this one."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

ROOT = Path(__file__).parent.parent
PATIENCE = 900.0


@attrs.define
class Child:
    """A Python process; it says what it found in lines of JSON."""

    process: trio.Process
    _read: bytes = b""

    async def hear(self) -> dict[str, Any]:
        """Return its next line.

        Raises:
            RuntimeError: it ended instead.
        """
        assert self.process.stdout is not None
        with trio.fail_after(PATIENCE):
            while b"\n" not in self._read:
                more = await self.process.stdout.receive_some()
                if not more:
                    raise RuntimeError("a process of the benchmark ended")
                self._read += more
        line, _, self._read = self._read.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    async def say(self) -> None:
        """Let it go on."""
        assert self.process.stdin is not None
        await self.process.stdin.send_all(b"\n")


@asynccontextmanager
async def open_child(*arguments: str) -> AsyncIterator[Child]:
    """Run `bench.child` with *arguments*; killed when the block is left."""
    command = [sys.executable, "-m", "bench.child", *arguments]
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        yield Child(process)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def run(
    command: list[str], environment: Mapping[str, str] | None = None
) -> tuple[float, float]:
    """Run *command* to its end; return the seconds it took, and those of CPU."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    await trio.run_process(command, cwd=ROOT, env=environment)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu
