"""TLS around a socket: whom we trust, and what becomes of it if we do not."""

import ssl

import trio

from kiq_trio._wire.address import TLS, HostPort
from kiq_trio.errors import ServerUnfitError

RECEIVE_SIZE = 65536


class TLSTransport:
    """A `Transport` through TLS, where nothing can be sent without waiting."""

    __slots__ = ("_place", "_stream", "_was_heard")

    def __init__(
        self, stream: trio.SSLStream[trio.SocketStream], place: HostPort
    ) -> None:
        self._stream = stream
        self._place = place
        self._was_heard = False

    def send_nowait(self, data: bytes) -> int:  # noqa: ARG002 - see the class.
        """As `Transport.send_nowait`."""
        return 0

    async def send_all(self, data: bytes) -> None:
        """As `Transport.send_all`."""
        await self._stream.send_all(data)

    async def receive(self) -> bytes:
        """As `Transport.receive`.

        Raises:
            ServerUnfitError: the first that is heard is that we are not let in. From
                TLS 1.3 on, a server looks at our certificate after the handshake.
        """
        try:
            data = await self._stream.receive_some(RECEIVE_SIZE)
        except trio.BrokenResourceError as error:
            if not self._was_heard and _is_refusal(error.__cause__):
                raise _refusal(self._place, error) from error
            raise
        self._was_heard = True
        return bytes(data)

    async def aclose(self) -> None:
        """As `Transport.aclose`."""
        await trio.aclose_forcefully(self._stream)


async def secure(stream: trio.SocketStream, tls: TLS, place: HostPort) -> TLSTransport:
    """Agree on TLS with whoever is at *place*; without that *stream* is closed.

    Raises:
        ServerUnfitError: one of us does not trust the other, they share no version
            of TLS, or a file with certificates cannot be read.
        OSError: the connection broke.
    """
    secured = None
    try:
        secured = trio.SSLStream(
            stream, _make_context(tls), server_hostname=place[0], https_compatible=True
        )
        await secured.do_handshake()
    except BaseException as error:
        await trio.aclose_forcefully(secured or stream)
        if not isinstance(error, trio.BrokenResourceError):
            raise
        if _is_refusal(error.__cause__):
            raise _refusal(place, error) from error
        # Trio's own error is empty; the reason is what it was raised from.
        raise OSError(_tell(place, error)) from error
    return TLSTransport(secured, place)


def _make_context(tls: TLS) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_certs)
        if tls.certfile is not None:
            context.load_cert_chain(tls.certfile, tls.keyfile)
    except (OSError, ValueError) as error:
        files = ", ".join(filter(None, (tls.ca_certs, tls.certfile, tls.keyfile)))
        raise ServerUnfitError(
            f"TLS: no certificates can be read from {files}: {error}"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.check_hostname and tls.cert_reqs != "none"
    context.verify_mode = ssl.VerifyMode[f"CERT_{tls.cert_reqs.upper()}"]
    return context


def _is_refusal(cause: BaseException | None) -> bool:
    """Whether one of us refused the other, which no second attempt will change."""
    # These are what a broken connection looks like in here.
    lost = ssl.SSLEOFError | ssl.SSLSyscallError | ssl.SSLZeroReturnError
    return isinstance(cause, ssl.SSLError) and not isinstance(cause, lost)


def _refusal(place: HostPort, error: BaseException) -> ServerUnfitError:
    return ServerUnfitError(_tell(place, error))


def _tell(place: HostPort, error: BaseException) -> str:
    host, port = place
    return f"TLS with {host}:{port}: {error.__cause__}"
