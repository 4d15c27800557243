"""The client that everything else in kiq_trio talks to Redis with."""

import random as chance
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import trio
from redis.exceptions import NoScriptError

from kiq_trio._background import open_service_nursery
from kiq_trio._wire import _redispy
from kiq_trio._wire.dedicated import DedicatedLines
from kiq_trio._wire.pipelining import Pipeline
from kiq_trio._wire.routing import find_timeout
from kiq_trio._wire.script import Script
from kiq_trio._wire.seam import Server
from kiq_trio._wire.slot import Command, NeverSentError
from kiq_trio._wire.supervisor import State, Supervisor

_CALLBACKS = {protocol: _redispy.make_callbacks(protocol) for protocol in (2, 3)}


class Redis(_redispy.Commands):
    """A client for Trio with redis-py's commands, types and errors.

    Any number of tasks may use it at once: they share one connection, and what
    they ask at the same time travels together. A task that is cancelled leaves
    at once; what it had asked for may still be done.

    While there is no connection, commands wait: give them a `trio.fail_after`
    if they must not. Made by `open_redis`.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        dedicated: DedicatedLines,
        *,
        scripts: dict[str, Script],
        decode: bool,
    ) -> None:
        self._supervisor = supervisor
        self._dedicated = dedicated
        self._scripts = scripts
        self._decode = decode

    @property
    def state(self) -> State:
        """Whether there is a connection right now."""
        return self._supervisor.state

    @property
    def generation(self) -> int:
        """How many connections there have been: it grows with every reconnect."""
        return self._supervisor.generation

    @property
    def last_loss(self) -> BaseException | None:
        """Why there was no connection the last time there was none."""
        return self._supervisor.last_loss

    @property
    def callbacks(self) -> _redispy.Callbacks:
        """What makes redis-py's types of the server's replies."""
        connection = self._supervisor.connection
        return _CALLBACKS[3 if connection is None else connection.protocol]

    async def wait_up(self) -> None:
        """Wait until there is a connection.

        Raises:
            redis.exceptions.ConnectionError: there will never be one again.
        """
        await trio.lowlevel.checkpoint()
        await self._supervisor.wait_for_connection()

    async def send(
        self, commands: Sequence[Command], *, decode: bool = False
    ) -> list[Any]:
        """Send *commands* in one write; return the replies, in order.

        The fast path: no callbacks, so replies are bytes (text with *decode*) in
        the shape of the server's protocol, and errors that Redis answered are
        values in the list. Maps, sets and floats look different in RESP 2 and 3;
        replies of scripts, integers, strings and flat lists do not.

        A known script that the server has forgotten is sent again as text, so
        it then runs after the commands that followed it.

        Raises:
            redis.exceptions.DataError: an argument is not bytes, str, int or
                float; nothing was sent.
            redis.exceptions.ConnectionError: the connection died before all
                replies came: Redis may have acted or not. Nothing is sent twice.
            redis.exceptions.TimeoutError: likewise, since Redis fell silent.
        """
        # A cancelled task must not have Redis act for it.
        await trio.lowlevel.checkpoint_if_cancelled()
        supervisor = self._supervisor
        while True:
            connection = supervisor.connection
            if connection is None:
                connection = await supervisor.wait_for_connection()
            try:
                replies = await connection.submit(commands, decode=decode).wait()
            except NeverSentError:
                supervisor.forget(connection)
                continue
            if NoScriptError in map(type, replies):
                return await self._send_sources(commands, replies, decode=decode)
            return replies

    async def raw(self, *command: Any) -> Any:
        """Send one command; return its reply as `send` does, or raise the error."""
        [reply] = await self.send((command,))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run a command as redis-py would; every method comes through here.

        Blocking commands run on connections of their own, see `block`.

        Raises:
            redis.exceptions.DataError: it cannot run on a shared connection, and
                there is another way; or an argument is of no kind Redis knows.
            redis.exceptions.RedisError: what Redis answered.
        """
        command = _redispy.split_name(args)
        timeout = find_timeout(command)
        decode = self._decode and not _redispy.wants_bytes(options)
        if timeout is None:
            [reply] = await self.send((command,), decode=decode)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
            [reply] = await self._dedicated.run(
                (command,), timeout=timeout, decode=decode
            )
        return _redispy.parse_reply(self.callbacks, args[0], reply, options)

    async def block(self, command: Command, *, timeout: float) -> Any:
        """Run a command that may block for *timeout* seconds; return its reply.

        It gets a connection of its own for that time. If the server is silent
        for longer than *timeout* and `command_timeout`, the connection is dead.

        A cancelled caller unblocks the command. If Redis had then already given
        an element away, it is returned as if there were no cancellation: it
        would be lost otherwise. Only a server that hangs can still lose one.

        Raises:
            redis.exceptions.RedisError: what Redis answered; ConnectionError
                and TimeoutError as for `send`.
        """
        [reply] = await self.block_first((command,), timeout=timeout)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def block_first(
        self, commands: Sequence[Command], *, timeout: float
    ) -> list[Any]:
        """Run a command as `block` does, and others as soon as it is over.

        They travel together, so no round trip lies between. Replies and errors are
        values in the list, as for `send`; a forgotten script is not sent again.

        A cancelled caller unblocks the first command, and the others run all the
        same: if any of the replies is not empty (None) and no error, all are
        returned as if there were no cancellation. Otherwise, as after any loss,
        Redis may have run them or not; it may even do so later, until *timeout*.

        Raises:
            redis.exceptions.ConnectionError: as for `send`.
            redis.exceptions.TimeoutError: likewise.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        return await self._dedicated.run(commands, timeout=timeout)

    def disown(self) -> None:
        """Send nothing more: we are in a forked process, and the line is its parent's.

        Whoever wants to send waits, as in an outage that does not end.
        """
        self._supervisor.connection = None

    def hurry(self, end: float) -> None:
        """Let no cancelled `block` be waited for beyond *end*, on Trio's clock."""
        self._dedicated.hurry(end)

    def pipeline(self, *, transaction: bool = False) -> Pipeline:
        """Return an empty pipeline, to be filled and executed."""
        return Pipeline(self, transaction=transaction)

    def script(self, name: str, source: str) -> Script:
        """Make a script known: each connection loads it, and `send` falls back.

        Run it by `await redis.raw(*script(keys, args))`.
        """
        script = Script(name, source)
        return self._scripts.setdefault(script.sha, script)

    def register_script(self, script: Any) -> NoReturn:
        """Refuse: redis-py's scripts want redis-py's clients."""
        raise NotImplementedError("use Redis.script(name, source) instead")

    def find_script(self, command: Command) -> Script | None:
        """Return the script that *command* runs, if it is a known one."""
        if len(command) < 2 or command[0] != "EVALSHA":
            return None
        return self._scripts.get(str(command[1]))

    async def send_for_user(self, commands: Sequence[Command]) -> list[Any]:
        """As `send`, with text for replies if the user wants it."""
        return await self.send(commands, decode=self._decode)

    async def _send_sources(
        self, commands: Sequence[Command], replies: list[Any], *, decode: bool
    ) -> list[Any]:
        again: dict[int, Command] = {}
        for index, (command, reply) in enumerate(zip(commands, replies, strict=True)):
            script = self.find_script(command)
            if script is not None and type(reply) is NoScriptError:
                again[index] = ("EVAL", script.source, *command[2:])
        if not again:
            return replies
        late = await self.send(tuple(again.values()), decode=decode)
        # The slot may still be looked at by nobody else: its list is ours.
        for index, reply in zip(again, late, strict=True):
            replies[index] = reply
        return replies


@asynccontextmanager
async def open_redis(
    server: Server,
    *,
    scripts: Sequence[Script] = (),
    name: str = "kiq_trio",
    command_timeout: float = 5.0,
    decode: bool = False,
    random: Callable[[], float] = chance.random,
) -> AsyncIterator[Redis]:
    """Keep a client for *server* connected for the length of the block.

    Enters at once: the first command waits for the connection. An outage is
    logged once, and once more when it is over. What the block raises comes out
    as itself.

    Args:
        server: where to connect to; see `server_from_url`.
        scripts: what every connection loads first.
        name: what `CLIENT LIST` shows.
        command_timeout: how long a reply may take, in seconds, before the
            connection is given up; also how long connecting may take, and how
            often an idle connection is checked.
        decode: give users of the typed commands text instead of bytes.
        random: where the jitter between two attempts comes from.

    Raises:
        redis.exceptions.AuthenticationError: on the first attempt, Redis refused
            our user name or password.
        ServerUnfitError: on the first attempt, this Redis cannot be used.
    """
    known = {script.sha: script for script in scripts}
    supervisor = Supervisor(
        server,
        scripts=known,
        name=name,
        command_timeout=command_timeout,
        random=random,
    )
    async with server.running():
        async with open_service_nursery() as nursery:
            dedicated = DedicatedLines(supervisor, nursery)
            try:
                with trio.CancelScope() as block:
                    nursery.start_soon(supervisor.run, block)
                    yield Redis(supervisor, dedicated, scripts=known, decode=decode)
            finally:
                supervisor.close()
        if supervisor.final_error is not None:
            raise supervisor.final_error
