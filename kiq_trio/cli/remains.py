"""Ends the process in time, whatever jobs have left behind in it.

Python waits at its end for every thread that is no daemon, and for every process that
`multiprocessing` has started: for ever, if these do not end. Processes of other kinds
it leaves to themselves, and nobody would hear of them.
"""

import logging
import multiprocessing
import os
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

logger = logging.getLogger("kiq_trio.cli")

PATIENCE = 2.0
"""Seconds that Python may take to end when everything of ours has ended."""


def end_in_time(code: int) -> None:
    """Name the processes that are left, and expect that Python ends this one soon.

    Args:
        code: what to exit with if it does not.
    """
    children = _find_children()
    if children:
        logger.warning("processes that were started here run on: %s", _list(children))
    # A daemon, for whom nobody waits.
    threading.Thread(target=_end_late, args=(code,), daemon=True).start()


def _end_late(code: int) -> None:
    time.sleep(PATIENCE)
    remains = [*_find_threads(), *(child.name for child in _find_awaited())]
    if not remains:
        # Somebody's own last words take their time.
        return
    logger.error(
        "threads or processes that were left behind do not end, and we end without "
        "them: %s",
        _list(remains),
    )
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def _find_threads() -> list[str]:
    """Return the names of the threads for which Python waits."""
    main = threading.main_thread()
    return [
        thread.name
        for thread in threading.enumerate()
        if not thread.daemon and thread is not main
    ]


def _find_awaited() -> list[BaseProcess]:
    """Return the processes for which Python waits."""
    return [child for child in multiprocessing.active_children() if not child.daemon]


def _find_children() -> list[str]:
    """Return the living processes whose parent we are, as far as the system tells."""
    pids: list[str] = []
    # Each thread has a list of its own.
    for listed in Path("/proc/self/task").glob("*/children"):
        # One that has ended meanwhile has handed its own on to another.
        with suppress(OSError):
            pids += listed.read_text().split()
    names = map(_name, sorted(pids, key=int))
    return [name for name in names if name is not None]


def _name(pid: str) -> str | None:
    """Return what a process is called; None if it has ended."""
    try:
        # Behind the name, which is in parentheses, comes its state.
        start, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    state = rest.split(maxsplit=1)[0]
    return None if state in "ZX" else f"{pid} ({start.partition('(')[2]})"


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown
