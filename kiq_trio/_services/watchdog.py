"""Notices a job that blocks the event loop, and says which one it is.

The loop ticks, the beating thread looks at the ticks. While the loop is blocked
the thread beats on, so nobody takes us for dead; but not for ever: a process that
has not ticked for `timing.blocked_limit` will hardly do so again, and its jobs are
better given to others.
"""

import logging
import sys
import threading
import time
import traceback
from types import CodeType, FrameType

import trio

from kiq_trio._pipeline.runner import Runner

logger = logging.getLogger("kiq_trio.watchdog")

_RUN: CodeType = Runner.run.__code__


class Watchdog:
    """Watches one event loop from another thread.

    Attributes:
        interval: how often the loop should tick and the thread should look.
    """

    def __init__(self, *, blocked_after: float, blocked_limit: float) -> None:
        self.interval = blocked_after / 2
        self._blocked_after = blocked_after
        self._blocked_limit = blocked_limit
        self._loop_thread = threading.get_ident()
        self._ticked_at = time.monotonic()
        self._has_warned = False
        self._has_given_up = False

    async def tick_forever(self) -> None:
        """Show that the loop runs; this is the loop's part."""
        self._loop_thread = threading.get_ident()
        while True:
            self._ticked_at = time.monotonic()
            await trio.sleep(self.interval)

    def look(self) -> bool:
        """Whether a beat may be sent; this is the thread's part.

        Warns once when the loop is blocked, and once when it runs again.
        """
        blocked_for = time.monotonic() - self._ticked_at
        if blocked_for < self._blocked_after:
            if self._has_warned:
                logger.warning("the event loop runs again")
            self._has_warned = self._has_given_up = False
            return True
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s has blocked the event loop for %.1f s; blocking calls belong "
                "into plain functions, which get a thread\n%s",
                self._name_culprit(),
                blocked_for,
                self._show_stack(),
            )
        if blocked_for < self._blocked_limit:
            return True
        if not self._has_given_up:
            self._has_given_up = True
            logger.critical(
                "the event loop has been blocked for %.0f s: we stop beating, so that "
                "others take our jobs\n%s",
                blocked_for,
                self._show_stack(),
            )
        return False

    def _loop_frame(self) -> FrameType | None:
        return sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the only way to see another thread's stack.

    def _name_culprit(self) -> str:
        """Return which job it is: the one whose run is on the loop's stack."""
        frame = self._loop_frame()
        while frame is not None:
            if frame.f_code is _RUN:
                return _describe(frame)
            task = frame.f_locals.get("task")
            if isinstance(task, trio.lowlevel.Task):
                return _name_ancestor(task)
            frame = frame.f_back
        return "something that is no job"

    def _show_stack(self) -> str:
        frame = self._loop_frame()
        return "".join(traceback.format_stack(frame)) if frame else "(no stack)"


def _name_ancestor(task: trio.lowlevel.Task | None) -> str:
    """Return the job that *task* or one of its ancestors runs."""
    while task is not None:
        for frame, _ in task.iter_await_frames():
            if frame.f_code is _RUN:
                return _describe(frame)
        nursery = task.parent_nursery
        task = nursery.parent_task if nursery is not None else None
    return "something that is no job"


def _describe(frame: FrameType) -> str:
    job = frame.f_locals["job"]
    return f"job {job.jid} ({job.job_class})"
