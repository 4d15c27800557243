"""One end of a line, and what can be done to it."""

import socket
import struct
from collections.abc import AsyncGenerator

import trio

GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class Way:
    """Bytes to and from one end of a line."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    async def send(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def receive(self) -> AsyncGenerator[bytes, None]:
        """Give what comes until the other side is gone, however it went."""
        try:
            async for data in self._stream:
                yield bytes(data)
        except GONE:
            pass

    def reset(self) -> None:
        """End it as a crashed machine would: with RST instead of a farewell."""
        self._stream.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.close()

    def close(self) -> None:
        # The stream's own is a checkpoint, where a cancelled task would leave.
        self._stream.socket.close()
