"""Locks between processes that the system drops when their holder dies."""

import fcntl
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """Lock the file now or not at all; closing the returned descriptor unlocks."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    return _lock(path, kind | fcntl.LOCK_NB)


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[int]:
    """Wait for the file, in a thread, and hold it for the length of the block."""
    descriptor = try_lock(path)
    if descriptor is None:
        descriptor = await _wait_for(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def _wait_for(path: Path) -> int:
    wait = _Wait(path)
    try:
        # A limiter of its own: waiting here must not use up threads of others.
        return await trio.to_thread.run_sync(
            wait.run, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1)
        )
    except trio.Cancelled:
        wait.abandon()
        raise


class _Wait:
    """A thread that waits for a lock, and whom it belongs to when it comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._descriptor: int | None = None
        self._is_abandoned = False

    def run(self) -> int:
        descriptor = _lock(self._path, fcntl.LOCK_EX)
        assert descriptor is not None
        with self._guard:
            self._descriptor = descriptor
            if self._is_abandoned:
                os.close(descriptor)
        return descriptor

    def abandon(self) -> None:
        with self._guard:
            self._is_abandoned = True
            if self._descriptor is not None:
                os.close(self._descriptor)


def _lock(path: Path, kind: int) -> int | None:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
