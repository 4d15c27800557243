"""A connection of fakeredis that neither blocks a thread nor looks at the wall clock.

fakeredis knows what Redis' commands do; we replace how they arrive (as lists of
arguments, not bytes), how replies leave (as values, shaped as hiredis does), and
how a blocking command waits. The names we override are private to fakeredis:
tests/wire/test_memory.py pins them.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import redis
import trio
from fakeredis._helpers import NoResponse, SimpleError, SimpleString

from kiq_trio._wire import _redispy
from kiq_trio._wire.fake_commands import FakeCommands
from kiq_trio._wire.fake_database import MemoryState

_Attempt: TypeAlias = Callable[[bool], Any]
_Shape: TypeAlias = Callable[[Any], Any]


@attrs.define(eq=False)
class _Waiter:
    """A blocking command that has not been answered yet."""

    attempt: _Attempt
    shape: _Shape
    timeout: trio.CancelScope = attrs.field(factory=trio.CancelScope)


class MemorySocket(FakeCommands):
    """One connection, which runs one command at a time.

    A command that blocks parks it; *on_unblocked* is then called with the reply.
    """

    def __init__(
        self,
        state: MemoryState,
        *,
        on_unblocked: Callable[[Any], None],
        on_kill: Callable[[], None],
    ) -> None:
        super().__init__(state, 0, client_class=redis.Redis, client_info={"resp": 3})
        self._state = state
        self._on_unblocked = on_unblocked
        self._on_kill = on_kill
        self._waiter: _Waiter | None = None
        self._reply: Any = None

    @property
    def client_id(self) -> int:
        return int(self._client_info["id"])

    @property
    def is_parked(self) -> bool:
        """Whether a blocking command holds up all that come after it."""
        return self._waiter is not None

    def execute(self, fields: list[bytes]) -> Any:
        """Run one command and return its reply, if afterwards it is not parked."""
        self._state.tick()
        self._reply = None
        self._process_command(fields)
        reply = self._reply
        if self._waiter is None:
            self._state.serve_parked()
        return reply

    def put_response(self, msg: Any) -> None:
        # A command's reply is the last thing put here before _process_command
        # returns; published messages come before it, or while nobody asked.
        self._reply = msg

    def kill(self) -> None:
        """Take this connection off the server, for its owner or by CLIENT KILL."""
        super().kill()
        self._unpark()
        self._on_kill()

    # Blocking.

    def _blocking(
        self, timeout: float | None, func: _Attempt, shape: _Shape | None = None
    ) -> Any:
        shape = shape or _as_it_is
        result = func(True)  # noqa: FBT003 - fakeredis' own signature.
        if result is not None or self._in_transaction:
            return shape(result)
        self._waiter = _Waiter(func, shape)
        self._state.parked.append(self)
        self._blocked = True
        if timeout:
            # The command must time out even if the task that sent it is gone, and
            # no other task need exist while nothing is blocked.
            trio.lowlevel.spawn_system_task(self._time_out, self._waiter, timeout)
        return NoResponse()

    def retry(self) -> None:
        """Try the blocking command again; answer it if that worked."""
        if self._waiter is None:
            return
        try:
            is_over, result = self._try(self._waiter)
        except SimpleError as error:
            is_over, result = True, error
        if is_over:
            self._answer(result)

    def _try(self, waiter: _Waiter) -> tuple[bool, Any]:
        if self._unblock_reason is not None:
            self._take_unblock_reason()
            return True, waiter.shape(None)
        result = waiter.attempt(False)  # noqa: FBT003 - as above.
        return result is not None, waiter.shape(result)

    async def _time_out(self, waiter: _Waiter, timeout: float) -> None:
        with waiter.timeout:
            await trio.sleep(timeout)
            if waiter is self._waiter:
                self._answer(waiter.shape(None))
                self._state.serve_parked()

    def _answer(self, result: Any) -> None:
        self._unpark()
        self._on_unblocked(self._decode_result(result))

    def _unpark(self) -> None:
        if self._waiter is not None:
            self._state.parked.remove(self)
            self._waiter.timeout.cancel()
        self._waiter = self._unblock_reason = None
        self._blocked = False

    # Replies.

    def _decode_result(self, result: Any) -> Any:
        match result:
            case SimpleString():
                return result.value
            case SimpleError():
                return _redispy.parse_error(result.value)
            case str():
                return result.encode()
            case list() | tuple():
                return [self._decode_result(item) for item in result]
            case dict():
                decode = self._decode_result
                return {decode(key): decode(value) for key, value in result.items()}
        return result


def _as_it_is(result: Any) -> Any:
    return result
