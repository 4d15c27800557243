"""A Redis of our own for the length of a measurement, without persistence."""

import functools
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from kiq_trio._wire.binary import find_binary
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.servers import server_from_url

START_TIMEOUT = 20.0
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
"""Every write is on the disk before its answer leaves."""


@attrs.frozen
class Ends:
    """The two URLs of one server: over its Unix socket, and over loopback TCP."""

    unix: str
    tcp: str


@asynccontextmanager
async def open_ends(*options: str) -> AsyncIterator[Ends]:
    """Run a server with *options* of redis-server beside ours; give its URLs."""
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="kiq-") as folder:
        path = Path(folder) / "redis.sock"
        command = [
            str(await find_binary()),
            *("--bind", "127.0.0.1", "--port", str(port)),
            *("--unixsocket", str(path), "--save", ""),
            *("--dir", folder, "--logfile", str(Path(folder) / "log")),
            *options,
        ]
        url = f"unix://{path}"
        async with trio.open_nursery() as nursery:
            run = functools.partial(trio.run_process, command, check=False)
            nursery.start_soon(run)
            # By the socket: had somebody taken the port, he would answer there.
            with trio.fail_after(START_TIMEOUT):
                async with open_redis(server_from_url(url)) as redis:
                    await redis.wait_up()
            yield Ends(url, f"redis://127.0.0.1:{port}/0")
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_server(*, tcp: bool = False) -> AsyncIterator[str]:
    """Run a server; give its URL, by its Unix socket or, with *tcp*, by loopback."""
    async with open_ends() as ends:
        yield ends.tcp if tcp else ends.unix


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
