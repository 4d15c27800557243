"""Running a connection for the length of a block."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from kiq_trio._background import open_service_nursery
from kiq_trio._wire.mux import SocketConnection
from kiq_trio._wire.transport import Transport


@asynccontextmanager
async def open_line(
    transport: Transport, *, command_timeout: float
) -> AsyncIterator[SocketConnection]:
    """Run a connection over *transport*; whatever happens, that is closed after."""
    connection = SocketConnection(transport, command_timeout=command_timeout)
    try:
        async with open_service_nursery() as nursery:
            nursery.start_soon(connection.run)
            yield connection
    finally:
        # Closing waits for nobody: it gives up what the other end has not read.
        with trio.CancelScope(shield=True):
            await transport.aclose()
