"""What ties a worker process to the process that started it: a socket between them.

    parent ── (25.0)   <── child    it obeys signals now, and a stop takes it so long
    parent ── (closed)  ──> child    the parent has ended, however it did

Nothing else is ever said. The system closes the socket of a process that was
killed, so children never outlive a parent that could not say goodbye. Only the
parent has its end: what a job starts cannot keep it open.
"""

import os
import socket
from typing import Self

import attrs
import trio

VARIABLE = "KIQ_TRIO_LEASH"
"""Holds the number of a child's end, for the child alone."""

_LONGEST_WORD = 64


@attrs.frozen(eq=False)
class Leash:
    """A child's end."""

    _socket: socket.socket

    @classmethod
    def take(cls) -> Self | None:
        """Return our end, if a parent gave us one.

        Its number is taken out of the environment: what we start is no child of
        our parent.
        """
        number = os.environ.pop(VARIABLE, None)
        if number is None:
            return None
        line = socket.socket(fileno=int(number))
        line.set_inheritable(False)
        line.settimeout(0)
        return cls(line)

    def say_ready(self, grace: float) -> None:
        """Tell the parent that we obey signals, and how long a stop may take us."""
        try:
            self._socket.send(f"{grace!r}\n".encode())
        except OSError:
            # It has gone already, which `wait_cut` says.
            return

    async def wait_cut(self) -> None:
        """Wait until there is no parent any more."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                if not self._socket.recv(_LONGEST_WORD):
                    return
            except BlockingIOError:
                continue
            except OSError:
                return


@attrs.define(eq=False)
class Hand:
    """The parent's end.

    Attributes:
        stream: the line to one child.
        grace: how long a stop may take that child; None until it obeys signals.
    """

    stream: trio.SocketStream
    grace: float | None = None

    async def listen(self) -> None:
        """Wait until the child has said that it is ready, or has gone."""
        word = b""
        while not word.endswith(b"\n") and len(word) < _LONGEST_WORD:
            try:
                part = await self.stream.receive_some(_LONGEST_WORD)
            except trio.BrokenResourceError:
                return
            if not part:
                return
            word += part
        self.grace = float(word)


def make_leash() -> tuple[Hand, socket.socket]:
    """Return the parent's end, and the end to be inherited by a child."""
    ours, theirs = socket.socketpair()
    return Hand(trio.SocketStream(trio.socket.from_stdlib_socket(ours))), theirs
