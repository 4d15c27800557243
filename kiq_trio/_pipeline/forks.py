"""Ends a forked process that comes back to where its parent was.

What a job forks has a copy of everything: our connections, the names we are known by
in Redis, and all tasks of Trio. It may do what it likes, as long as it ends by itself
or becomes another program. But if it comes back, by an `await` or because the job
returns or raises there, it would go on as a second one of us: read replies that are
for us, and settle and enqueue by our numbers. Trio's loop cannot be had twice either:
both would wait at one epoll, and each hear what the other needs to know.

Nothing of this costs anything where nobody forks: it is the child that is prepared.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import trio

from kiq_trio.current import running
from kiq_trio.job import Job

logger = logging.getLogger("kiq_trio")

_heirlooms: trio.lowlevel.RunVar[list[Callable[[], None]]] = trio.lowlevel.RunVar(
    "kiq_trio.heirlooms"
)
"""What a child has of its parent that is forked inside of this run of Trio."""


@contextmanager
def forks_kept_out(disown: Callable[[], None]) -> Iterator[None]:
    """End whatever is forked in the block and comes back to Trio's loop.

    Args:
        disown: called in the child as soon as it is there, so that it leaves alone
            what belongs to its parent even before it is ended.
    """
    try:
        heirlooms = _heirlooms.get()
    except LookupError:
        heirlooms = []
        _heirlooms.set(heirlooms)
    heirlooms.append(disown)
    try:
        yield
    finally:
        heirlooms.remove(disown)


def end_fork() -> NoReturn:
    """End this process, which is a child that came back, and say of which job."""
    _end(running.get(None))


class _LastStep(trio.abc.Instrument):
    """Ends a child before Trio's loop does anything more in it."""

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """See to it that this step is the last."""
        _end(task.context.get(running))


def _disown_all() -> None:
    try:
        heirlooms = _heirlooms.get()
    except (RuntimeError, LookupError):
        # Forked in a thread, which has no loop to come back to, or with nothing open.
        return
    if heirlooms:
        trio.lowlevel.add_instrument(_LastStep())
    for disown in heirlooms:
        disown()


def _end(job: Job | None) -> NoReturn:
    who = "the program" if job is None else f"job {job.jid} ({job.job_class})"
    logger.error(
        "%s has forked process %d, which came back from there and is ended: it must "
        "call os._exit or become another program",
        who,
        os.getpid(),
    )
    # Whatever else a process does when it ends, is for its parent to do.
    os._exit(os.EX_SOFTWARE)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all)
