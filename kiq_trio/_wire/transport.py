"""Bytes to and from a server: by a plain socket, or through TLS."""

import contextlib
import socket
from typing import Protocol

import trio

from kiq_trio._wire.address import Address, HostPort
from kiq_trio._wire.tls import RECEIVE_SIZE, secure


class Transport(Protocol):
    """An open line of bytes; one task may send while another receives."""

    def send_nowait(self, data: bytes) -> int:
        """Send what can be sent at once; return how much that was."""
        ...

    async def send_all(self, data: bytes) -> None:
        """Send everything; not a checkpoint if it can be done at once."""
        ...

    async def receive(self) -> bytes:
        """Return what comes next; nothing when the other side has closed."""
        ...

    async def aclose(self) -> None:
        """Close at once, without a farewell; nothing if that is done already."""
        ...


class SocketTransport:
    """A socket without Trio's stream around it: half the cost per message."""

    __slots__ = ("_fd", "_socket")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)  # noqa: FBT003 - a method of the standard library.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket = sock
        self._fd = sock.fileno()

    def send_nowait(self, data: bytes) -> int:
        """As `Transport.send_nowait`."""
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0

    async def send_all(self, data: bytes) -> None:
        """As `Transport.send_all`."""
        sent = self.send_nowait(data)
        if sent == len(data):
            return
        with memoryview(data) as view:
            while sent < len(data):
                await trio.lowlevel.wait_writable(self._fd)
                with contextlib.suppress(BlockingIOError, InterruptedError):
                    sent += self._socket.send(view[sent:])

    async def receive(self) -> bytes:
        """As `Transport.receive`."""
        while True:
            await trio.lowlevel.wait_readable(self._fd)
            try:
                return self._socket.recv(RECEIVE_SIZE)
            except (BlockingIOError, InterruptedError):
                continue

    async def aclose(self) -> None:
        """As `Transport.aclose`."""
        # Not a second time: the number may belong to another socket by now.
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._fd)
            self._socket.close()


async def open_transport(address: Address, place: HostPort) -> Transport:
    """Connect to *place*, or to the address' Unix socket if it has one.

    Raises:
        OSError: nobody is there.
        ServerUnfitError: TLS was refused, for the reason in its text.
    """
    if address.path is not None:
        return await _open_unix(address.path)
    host, port = place
    stream = await trio.open_tcp_stream(host, port)
    if address.tls is None:
        return SocketTransport(socket.socket(fileno=stream.socket.detach()))
    return await secure(stream, address.tls, place)


async def _open_unix(path: str) -> Transport:
    sock = trio.socket.socket(trio.socket.AF_UNIX)
    try:
        await sock.connect(path)
        return SocketTransport(socket.socket(fileno=sock.detach()))
    finally:
        # Once detached there is nothing left to close.
        sock.close()
