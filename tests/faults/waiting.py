"""Waiting for facts."""

import time
from collections.abc import Callable

from tests.faults.audit import Client

STEP = 0.02


def wait_until(fact: Callable[[], object], *, timeout: float = 20) -> float:
    """Return how many seconds it took until *fact* was one."""
    began = time.monotonic()
    while not fact():
        took = time.monotonic() - began
        assert took < timeout, f"not within {timeout:g} s: {fact!r}"
        time.sleep(STEP)
    return time.monotonic() - began


def wait_drained(client: Client, *, timeout: float = 20) -> None:
    """Wait until no job waits, is to be tried again, or is held by anybody."""
    deadline = time.monotonic() + timeout
    while left := holders(client):
        assert time.monotonic() < deadline, f"after {timeout:g} s: {left}"
        time.sleep(STEP)


def holders(client: Client) -> list[str]:
    """Return the keys that hold jobs, all seen at the same moment.

    What is empty does not exist, so their names say enough; whoever looked into
    them one by one would overlook a job that moves meanwhile.
    """
    return [
        key
        for key in map(str, client.keys("*"))
        if key in {"schedule", "retry"} or key.startswith(("queue:", "kiq:backup|"))
    ]
