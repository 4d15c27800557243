"""A Redis of our own for the length of a measurement, without persistence."""

import functools
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from kiq_trio._wire.binary import find_binary
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.servers import server_from_url


@asynccontextmanager
async def open_server() -> AsyncIterator[str]:
    """Run a server on a Unix socket; give its URL."""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "redis.sock"
        command = [
            str(await find_binary()),
            *("--port", "0", "--unixsocket", str(socket), "--save", ""),
            *("--dir", folder, "--logfile", str(Path(folder) / "log")),
        ]
        url = f"unix://{socket}"
        async with trio.open_nursery() as nursery:
            run = functools.partial(trio.run_process, command, check=False)
            nursery.start_soon(run)
            async with open_redis(server_from_url(url)) as redis:
                await redis.wait_up()
            yield url
            nursery.cancel_scope.cancel()
