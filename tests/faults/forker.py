"""A parent that has imported everything and forks processes on demand.

Starting Python anew for each of hundreds would cost more than all their jobs. It
reads orders from its input, one line of JSON each, and answers with one.
"""

import contextlib
import gc
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from tests.faults import worker_process


def main() -> None:
    """Obey until the input ends; then no child survives."""
    children: set[int] = set()
    gc.freeze()
    try:
        for line in sys.stdin:
            order = json.loads(line)
            answer = (
                _wait(order, children) if "wait" in order else _fork(order, children)
            )
            sys.stdout.write(f"{json.dumps(answer)}\n")
            sys.stdout.flush()
    finally:
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _fork(order: dict[str, Any], children: set[int]) -> int:
    pid = os.fork()
    if pid:
        children.add(pid)
        return pid
    status = 1
    try:
        # Orders are for the parent, and no test can answer our Ctrl-C.
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(2, 1)
        folder = Path(order["folder"])
        os.dup2(os.open(folder / f"{order['name']}.err", os.O_WRONLY | os.O_CREAT), 2)
        worker_process.run(order["role"], folder, order["name"], order["options"])
        status = 0
    except BaseException:  # noqa: BLE001 - a child never returns into the parent's loop.
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _wait(order: dict[str, Any], children: set[int]) -> int | None:
    """Return how a child ended (as `subprocess` says it), None if it did not."""
    pid, deadline = order["wait"], time.monotonic() + order["timeout"]
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            children.discard(pid)
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.002)


if __name__ == "__main__":
    main()
