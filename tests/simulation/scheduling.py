"""Trio with an order of tasks that can be had again, and processes that can stop.

The only place that touches what is private to Trio. Its scheduler runs the tasks of
a batch in an order of chance; pytest-trio and Trio's own tests make that a chance of
a seed by the same two names. And to stop a process as SIGSTOP does, its tasks must
not be run whoever wakes them: Trio has no door for that.
"""

import random
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from unittest.mock import patch

import attrs
import trio
import trio._core._run as trio_run
from trio.testing import MockClock

from kiq_trio._services import presence
from kiq_trio._store.registering import register

T = TypeVar("T")

_process: ContextVar["Process | None"] = ContextVar("_process", default=None)
"""The process that a task belongs to; tasks have it from who starts them."""


@attrs.define(eq=False)
class Process:
    """Some tasks that can be stopped together; deadlines pass meanwhile.

    Attributes:
        is_stopped: whether none of them runs.
    """

    is_stopped: bool = False
    _woken: list[tuple[trio.lowlevel.Task, Any]] = attrs.field(factory=list)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let this task and those that it starts be of this process."""
        token = _process.set(self)
        try:
            yield
        finally:
            _process.reset(token)

    @staticmethod
    @contextmanager
    def left() -> Iterator[None]:
        """Let tasks that this one starts now be of no process."""
        token = _process.set(None)
        try:
            yield
        finally:
            _process.reset(token)

    def stop(self) -> None:
        """Let none of its tasks run any more, whoever wakes them."""
        self.is_stopped = True

    def resume(self) -> None:
        """Let them go on; those that were woken meanwhile run now."""
        self.is_stopped = False
        woken, self._woken = self._woken, []
        for task, value in woken:
            trio.lowlevel.reschedule(task, value)

    def keep(self, task: trio.lowlevel.Task, value: Any) -> None:
        """Run *task* when we go on."""
        # As Trio does: who is woken is not to be woken a second time.
        task._abort_func = None
        self._woken.append((task, value))


def run(seed: int, main: Callable[[], Awaitable[T]]) -> T:
    """Run *main* on a mock clock; the same seed gives the same run.

    In another process only with the same PYTHONHASHSEED: sets are in its order.
    """
    reschedule = trio_run.Runner.reschedule
    names = random.Random(seed)

    def reschedule_later(
        runner: Any, task: trio.lowlevel.Task, value: Any = trio_run._NO_SEND
    ) -> None:
        process = task.context.get(_process)
        if process is not None and process.is_stopped:
            process.keep(task, value)
        else:
            reschedule(runner, task, value)

    with (
        patch.object(trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING", new=True),
        patch.object(trio_run.Runner, "reschedule", reschedule_later),
        # Names of processes, jobs and lanes; no two are the same by chance.
        patch.object(secrets, "token_hex", lambda size: names.randbytes(size).hex()),
        patch.dict(register.__kwdefaults__, randbelow=names.randrange),
        patch.object(presence, "getpid", lambda: 1),
        patch.dict("os.environ", {"DYNO": "sim"}),
    ):
        trio_run._r.seed(seed)
        random.seed(seed)
        return trio.run(main, clock=MockClock(autojump_threshold=0))
