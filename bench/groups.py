"""All measurements by the names they are chosen by."""

from argparse import ArgumentTypeError
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from bench import (
    backlog,
    costs,
    drain,
    due,
    enqueue,
    latency,
    memory,
    parts,
    processes,
    recovery,
    resting,
    spread,
    startup,
)
from bench.site import Site
from bench.table import Table

Group: TypeAlias = Callable[[Site], Awaitable[Table]]

GROUPS: dict[str, Group] = {
    "drain": drain.measure,
    "enqueue": enqueue.measure,
    "idle": resting.measure,
    "latency": latency.measure,
    "concurrency": spread.measure_concurrency,
    "transport": spread.measure_transport,
    "processes": processes.measure,
    "backlog": backlog.measure,
    "due": due.measure,
    "memory": memory.measure,
    "startup": startup.measure,
    "costs": costs.measure,
    "parts": parts.measure,
    "recovery": recovery.measure,
}


def known(name: str) -> str:
    """Return *name* if there is such a group.

    Raises:
        ArgumentTypeError: there is none.
    """
    if name not in GROUPS:
        raise ArgumentTypeError(
            f"no group is called {name}; there are {', '.join(GROUPS)}"
        )
    return name
