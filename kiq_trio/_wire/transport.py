"""Bytes to and from a server: a plain socket, or a TLS stream."""

import contextlib
import socket
import ssl
from typing import Protocol

import trio

from kiq_trio._wire.address import TLS, Address, HostPort

RECEIVE_SIZE = 65536


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
            with contextlib.suppress(BlockingIOError, InterruptedError):
                return self._socket.recv(RECEIVE_SIZE)

    async def aclose(self) -> None:
        """As `Transport.aclose`."""
        # Not a second time: the number may belong to another socket by now.
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._fd)
            self._socket.close()


class StreamTransport:
    """A line through TLS, where nothing can be sent without waiting."""

    __slots__ = ("_stream",)

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self._stream = stream

    def send_nowait(self, data: bytes) -> int:  # noqa: ARG002 - see the class.
        """As `Transport.send_nowait`."""
        return 0

    async def send_all(self, data: bytes) -> None:
        """As `Transport.send_all`."""
        await self._stream.send_all(data)

    async def receive(self) -> bytes:
        """As `Transport.receive`."""
        return bytes(await self._stream.receive_some(RECEIVE_SIZE))

    async def aclose(self) -> None:
        """As `Transport.aclose`."""
        await trio.aclose_forcefully(self._stream)


async def open_transport(address: Address, place: HostPort) -> Transport:
    """Connect to *place*, or to the address' Unix socket if it has one.

    Raises:
        OSError: nobody is there, or TLS was refused, for the reason in its text.
    """
    if address.path is not None:
        return await _open_unix(address.path)
    host, port = place
    stream = await trio.open_tcp_stream(host, port)
    if address.tls is None:
        return SocketTransport(socket.socket(fileno=stream.socket.detach()))
    secure = trio.SSLStream(
        stream, _make_context(address.tls), server_hostname=host, https_compatible=True
    )
    try:
        await secure.do_handshake()
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(secure)
        # Trio's own error is empty; the reason is what it was raised from.
        raise OSError(f"TLS with {host}:{port}: {error.__cause__}") from error
    except BaseException:
        await trio.aclose_forcefully(secure)
        raise
    return StreamTransport(secure)


async def _open_unix(path: str) -> Transport:
    sock = trio.socket.socket(trio.socket.AF_UNIX)
    try:
        await sock.connect(path)
        return SocketTransport(socket.socket(fileno=sock.detach()))
    finally:
        # Once detached there is nothing left to close.
        sock.close()


def _make_context(tls: TLS) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_certs)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.check_hostname and tls.cert_reqs != "none"
    context.verify_mode = ssl.VerifyMode[f"CERT_{tls.cert_reqs.upper()}"]
    if tls.certfile is not None:
        context.load_cert_chain(tls.certfile, tls.keyfile)
    return context
