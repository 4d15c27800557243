"""What a server of any kind must offer: the seam between us and Redis."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import redis
import trio

from kiq_trio._wire.script import Script
from kiq_trio._wire.slot import Command, Slot


class Connection(Protocol):
    """One open line to a server, safe for any number of tasks at once."""

    @property
    def client_id(self) -> int:
        """The number by which the server knows this connection."""
        ...

    @property
    def protocol(self) -> int:
        """Which RESP its replies come in, 2 or 3: their shapes differ."""
        ...

    def submit(self, commands: Sequence[Command], *, decode: bool = False) -> Slot:
        """Put *commands* on the line together; never blocks.

        With *decode*, replies arrive as text instead of bytes.

        Raises:
            redis.exceptions.DataError: an argument is of a kind Redis does not
                know; nothing was sent.
            redis.exceptions.ConnectionError: the line is already dead.
        """
        ...

    async def wait_closed(self) -> BaseException:
        """Return why the line went dead, once it has."""
        ...

    def abort(self, reason: BaseException) -> None:
        """Declare the line dead: every slot fails with *reason*."""
        ...


class Server(Protocol):
    """A Redis we can reach: by URL, in this process, or started by us.

    `str(server)` is fit for a log: it never holds a password.
    """

    @property
    def is_in_process(self) -> bool:
        """Whether it lives and dies with this process, on Trio's clock."""
        ...

    def running(self) -> AbstractAsyncContextManager[None]:
        """Keep the server itself alive, if it is ours to start and stop."""
        ...

    def connect(
        self, *, scripts: Sequence[Script], name: str, command_timeout: float
    ) -> AbstractAsyncContextManager[Connection]:
        """Open a line: greeted, authenticated, scripts loaded, role checked.

        Opening may take *command_timeout*; later the line is declared dead when
        a reply is owed that long, unless its slot `may_take` longer.

        Leaving the block closes it. The tasks behind the line never raise for
        an outage: they settle it by `wait_closed`.

        Raises:
            redis.exceptions.AuthenticationError: final, not worth a retry.
            ServerUnfitError: final likewise.
            redis.exceptions.ConnectionError: worth another try, as is OSError.
        """
        ...

    def connect_sync(self, *, timeout: float) -> redis.Redis | None:
        """Return redis-py's own blocking client, for a thread; None in process."""
        ...

    def watch(self, keys: Sequence[str]) -> trio.Event:
        """Return an event that is set when one of *keys* is written to next.

        A server that cannot tell never sets it.
        """
        ...

    def clock(self) -> float:
        """Return the epoch seconds of the clock to stamp jobs with."""
        ...
