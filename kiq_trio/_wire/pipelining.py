"""Commands that are queued here, sent in one write, and answered one by one."""

from collections.abc import Generator, Sequence
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

import trio
from redis.exceptions import ExecAbortError, RedisError

from kiq_trio._wire import _redispy
from kiq_trio._wire.routing import refuse_blocking
from kiq_trio._wire.script import Script
from kiq_trio._wire.slot import Command

T = TypeVar("T")


class Sender(Protocol):
    """What a pipeline needs of the client it belongs to."""

    @property
    def callbacks(self) -> _redispy.Callbacks:
        """What makes redis-py's types of the server's replies."""
        ...

    def find_script(self, command: Command) -> Script | None:
        """Return the script that *command* runs, if it is a known one."""
        ...

    async def send_for_user(self, commands: Sequence[Command]) -> list[Any]:
        """As `Redis.send`, with text for replies if the user wants it."""
        ...


class Reply(Generic[T]):
    """What a queued command will have been answered, once the pipeline ran.

    Await it after `Pipeline.execute`: that never blocks, and raises the error
    if the command was answered with one.
    """

    __slots__ = ("_error", "_is_known", "_value", "command", "name", "options")

    def __init__(self, name: str, command: Command, options: dict[str, Any]) -> None:
        self.name = name
        self.command = command
        self.options = options
        self._is_known = False
        self._value: Any = None
        self._error: Exception | None = None

    def __await__(self) -> Generator[Any, None, T]:
        return self._get().__await__()

    async def _get(self) -> T:
        if not self._is_known:
            raise RuntimeError(f"{self.name}: await the pipeline's execute() first")
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def settle(self, callbacks: _redispy.Callbacks, reply: Any) -> Any:
        """Take the raw *reply*; return what it means, or the error it is."""
        self._is_known = True
        try:
            value = _redispy.parse_reply(callbacks, self.name, reply, self.options)
        except Exception as error:  # noqa: BLE001 - a callback may fail in any way, for this one.
            self._error = error
            return error
        self._value = value
        return value


class Pipeline(_redispy.Commands):
    """Commands that go to the server together, in one write.

    Each is queued by calling it and returns a `Reply`; nothing is sent before
    `execute`, or the end of an `async with` block. With *transaction*, the
    server runs them without anyone else's in between (MULTI, EXEC); without,
    they merely travel together. As in redis-py, an error of one command does
    not stop those after it.
    """

    def __init__(self, sender: Sender, *, transaction: bool) -> None:
        self._sender = sender
        self._transaction = transaction
        self._queued: list[Reply[Any]] = []

    def __len__(self) -> int:
        return len(self._queued)

    def __bool__(self) -> bool:
        return True

    async def __aenter__(self) -> Self:
        await trio.lowlevel.checkpoint()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            await self.execute()

    def execute_command(self, *args: Any, **options: Any) -> Reply[Any]:
        """Queue a command; every method of redis-py comes through here.

        Raises:
            redis.exceptions.DataError: it cannot be part of a pipeline.
        """
        command = _redispy.split_name(args)
        refuse_blocking(command)
        reply: Reply[Any] = Reply(str(args[0]), command, options)
        self._queued.append(reply)
        return reply

    def run(
        self, script: Script, keys: Sequence[Any], args: Sequence[Any]
    ) -> Reply[Any]:
        """Queue a script."""
        return self.execute_command(*script(keys, args))

    async def execute(self, *, raise_on_error: bool = True) -> list[Any]:
        """Send what is queued; return the replies in order, errors among them.

        Raises:
            redis.exceptions.RedisError: the first error that was answered,
                unless *raise_on_error* is false; the others are in the replies.
            redis.exceptions.ConnectionError: the connection died meanwhile; it
                is not known what was done.
        """
        queued, self._queued = self._queued, []
        commands = [reply.command for reply in queued]
        run = self._run_transaction if self._transaction else self._sender.send_for_user
        callbacks = self._sender.callbacks
        try:
            replies = await run(commands)
        except RedisError as error:
            for reply in queued:
                reply.settle(callbacks, error)
            raise
        callbacks = self._sender.callbacks
        results = [
            reply.settle(callbacks, raw)
            for reply, raw in zip(queued, replies, strict=True)
        ]
        if raise_on_error:
            _raise_first(results)
        return results

    async def _run_transaction(self, commands: Sequence[Command]) -> list[Any]:
        # NOSCRIPT within MULTI would leave the other commands done: so every script
        # is loaded in the same write, even if it was before.
        found = {self._sender.find_script(command): None for command in commands}
        loads = [("SCRIPT", "LOAD", each.source) for each in found if each is not None]
        replies = await self._sender.send_for_user(
            [*loads, ("MULTI",), *commands, ("EXEC",)]
        )
        *queueing, result = replies[len(loads) + 1 :]
        _raise_first(replies[: len(loads)])
        if not isinstance(result, Exception):
            return list(result)
        # Nothing was done: the guilty say why, the others that they were not run.
        return [each if isinstance(each, Exception) else result for each in queueing]


def _raise_first(results: Sequence[Any]) -> None:
    errors = [each for each in results if isinstance(each, Exception)]
    guilty = [each for each in errors if not isinstance(each, ExecAbortError)]
    for error in guilty or errors:
        raise error
