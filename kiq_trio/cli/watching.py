"""Noticing that source files change, for `--reload`."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import trio

Times: TypeAlias = dict[str, int]

INTERVAL = 0.5

_NOT_OURS = frozenset({"__pycache__", "node_modules", "site-packages"})


async def wait_for_changes(
    folders: Sequence[Path], *, before: Times
) -> tuple[list[str], Times]:
    """Return which Python files are not as they were *before*, and how they are now.

    Looks every half second, in a thread: it needs nothing but the times of files,
    and works on every file system.
    """
    while True:
        await trio.sleep(INTERVAL)
        now = await trio.to_thread.run_sync(read_times, folders)
        changed = before.items() ^ now.items()
        if changed:
            return sorted({name for name, _ in changed}), now


def read_times(folders: Sequence[Path]) -> Times:
    """Return when each Python file below *folders* was last written."""
    times: Times = {}
    for folder in folders:
        for path in _python_files(folder):
            try:
                times[path] = os.stat(path).st_mtime_ns  # noqa: PTH116 - thousands of them.
            except OSError:
                # Gone between two looks, as editors do it.
                continue
    return times


def _python_files(folder: Path) -> Iterator[str]:
    for here, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in _NOT_OURS and not name.startswith(".")
        ]
        yield from (f"{here}/{name}" for name in files if name.endswith(".py"))
