"""A place in the line of replies."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import outcome
import trio
from redis.exceptions import ConnectionError as RedisConnectionError

Argument: TypeAlias = bytes | str | int | float
"""What one part of a command may be; everything else is refused."""

Command: TypeAlias = Sequence[Argument]
"""A command's name and its arguments, as Redis wants them: `("GET", "key")`."""


class NeverSentError(RedisConnectionError):
    """The line died before a byte of it was written: safe to send again."""


class Slot:
    """Where the replies to commands that were written together will arrive.

    Redis answers in the order in which it was asked, so a slot keeps its place
    in the line whatever happens to the task that waits for it: a cancelled
    waiter leaves, and its replies are read and dropped when they come.
    """

    __slots__ = ("_error", "_task", "count", "decode", "may_take", "replies")

    def __init__(self, count: int, *, decode: bool = False) -> None:
        self.count = count
        self.decode = decode
        self.replies: list[Any] = []
        # How long the server may take on purpose, in seconds: a blocking command.
        self.may_take = 0.0
        self._task: trio.lowlevel.Task | None = None
        self._error: BaseException | None = None

    @property
    def is_settled(self) -> bool:
        """Whether all replies are here, or never will be."""
        return len(self.replies) == self.count or self._error is not None

    def fill(self, reply: Any) -> bool:
        """Take the next reply; answer whether it was the last and woke a task."""
        self.replies.append(reply)
        return len(self.replies) == self.count and self._wake()

    def fail(self, error: BaseException) -> None:
        """Give up on the replies that are still missing."""
        if not self.is_settled:
            self._error = error
            self._wake()

    async def wait(self) -> list[Any]:
        """Return the replies in order; an error Redis answered is one of them.

        Raises:
            NeverSentError: the connection died first, and nothing was written.
            redis.exceptions.ConnectionError: the connection died first, so it is
                not known whether Redis has acted.
        """
        if self.is_settled:
            await trio.lowlevel.checkpoint()
        else:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._detach)
        if self._error is not None:
            raise self._error
        return self.replies

    def _detach(self, _: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake(self) -> bool:
        task, self._task = self._task, None
        if task is None:
            return False
        trio.lowlevel.reschedule(task, outcome.Value(None))
        return True
