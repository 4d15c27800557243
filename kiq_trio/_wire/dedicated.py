"""Connections for commands that block: each serves one task at a time."""

import math
from collections.abc import Sequence
from typing import Any

import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from kiq_trio._wire.seam import Connection
from kiq_trio._wire.slot import Command, NeverSentError, Slot
from kiq_trio._wire.supervisor import Supervisor
from kiq_trio.errors import ServerUnfitError

# How long a cancelled task waits for its command to be unblocked, in seconds.
GRACE = 1.0
# A command that is still on its way cannot be unblocked yet: ask again, in seconds.
ASK_AGAIN = 0.02
MOST_IDLE = 16


class DedicatedLines:
    """A few connections, kept when their command is done, for the next one."""

    def __init__(self, supervisor: Supervisor, nursery: trio.Nursery) -> None:
        self._supervisor = supervisor
        self._nursery = nursery
        self._idle: list[Connection] = []
        self._generation = 0
        self._end = math.inf

    def hurry(self, end: float) -> None:
        """Let no cancelled task wait for its command beyond *end*, on Trio's clock."""
        self._end = end

    async def run(
        self, commands: Sequence[Command], *, timeout: float, decode: bool = False
    ) -> list[Any]:
        """Return the replies to *commands*, errors or not; see `Redis.block`."""
        while True:
            line = await self._take()
            generation = self._generation
            try:
                slot = line.submit(commands, decode=decode)
            except NeverSentError:
                continue
            slot.may_take = timeout
            try:
                replies = await self._wait(line, slot)
            except NeverSentError:
                continue
            except BaseException:
                line.abort(RedisConnectionError("the waiting task was cancelled"))
                raise
            self._give_back(line, generation, replies)
            return replies

    async def _take(self) -> Connection:
        await self._supervisor.wait_for_connection()
        if self._generation != self._supervisor.generation:
            # The primary may be another server by now; these led to the old one.
            self._generation = self._supervisor.generation
            for stale in self._idle:
                stale.abort(RedisConnectionError("the server was lost meanwhile"))
            self._idle.clear()
        if self._idle:
            return self._idle.pop()
        try:
            line: Connection = await self._nursery.start(self._host)
        except ServerUnfitError as error:
            # It let us in before, so this is an outage like any other.
            raise RedisConnectionError(str(error)) from error
        return line

    def _give_back(self, line: Connection, generation: int, replies: list[Any]) -> None:
        if (
            generation == self._supervisor.generation
            and len(self._idle) < MOST_IDLE
            and not any(isinstance(reply, Exception) for reply in replies)
        ):
            self._idle.append(line)
        else:
            line.abort(RedisConnectionError("no longer needed"))

    async def _host(self, *, task_status: trio.TaskStatus[Connection]) -> None:
        async with self._supervisor.server.connect(
            scripts=(),
            name=f"{self._supervisor.name}-blocking",
            command_timeout=self._supervisor.command_timeout,
        ) as line:
            task_status.started(line)
            await line.wait_closed()
            if line in self._idle:
                self._idle.remove(line)

    async def _wait(self, line: Connection, slot: Slot) -> list[Any]:
        try:
            return await slot.wait()
        except trio.Cancelled:
            # What Redis has already taken out of a list for us is in the reply.
            # Then the command has happened, and Trio's rule holds: who has
            # succeeded is not cancelled, the next checkpoint is.
            replies = await self._unblock(line, slot)
            line.abort(RedisConnectionError("the waiting task was cancelled"))
            if not replies or all(map(_is_void, replies)):
                raise
            return replies

    async def _unblock(self, line: Connection, slot: Slot) -> list[Any] | None:
        replies = None
        end = min(trio.current_time() + GRACE, self._end)
        with trio.CancelScope(deadline=end, shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._ask_to_unblock, line.client_id)
                try:
                    replies = await slot.wait()
                except RedisError:
                    replies = None
                nursery.cancel_scope.cancel()
        return replies

    async def _ask_to_unblock(self, client_id: int) -> None:
        while True:
            connection = await self._supervisor.wait_for_connection()
            try:
                await connection.submit((("CLIENT", "UNBLOCK", client_id),)).wait()
            except RedisError:
                return
            await trio.sleep(ASK_AGAIN)


def _is_void(reply: Any) -> bool:
    """Whether Redis has done nothing that the caller must know of."""
    return reply is None or isinstance(reply, Exception)
