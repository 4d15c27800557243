"""Clients of the code under test, and a server that misbehaves on request."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import hiredis
import trio

from kiq_trio._background import open_service_nursery
from kiq_trio._wire.address import Address
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.remote import RemoteServer

Answer = Callable[[list[bytes]], bytes | None]

HELLO = (
    b"%6\r\n+server\r\n+redis\r\n+version\r\n+7.4.0\r\n+proto\r\n:3\r\n+id\r\n:7\r\n"
    b"+mode\r\n+standalone\r\n+role\r\n+master\r\n"
)


def open_client(url: str, **options: Any) -> AbstractAsyncContextManager[Redis]:
    """The client under test, connected to *url*."""
    return open_redis(RemoteServer(Address.from_url(url)), **options)


class Impostor:
    """A server that answers what a test tells it to, by default `+OK`.

    `answer` gets each command and returns bytes, or None to say nothing.
    """

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer or (lambda _: b"+OK\r\n")
        self.hello = HELLO
        self.heard: list[list[bytes]] = []
        self.greeted = 0
        self.url = ""
        self._sending = trio.Lock()
        self._streams: list[trio.SocketStream] = []

    async def say(self, data: bytes) -> None:
        """Send bytes that nobody asked for, to everyone."""
        for stream in self._streams:
            async with self._sending:
                await stream.send_all(data)

    async def hang_up(self) -> None:
        """Close every connection."""
        for stream in self._streams:
            await trio.aclose_forcefully(stream)
        self._streams.clear()

    async def serve(self, stream: trio.SocketStream) -> None:
        self._streams.append(stream)
        reader = hiredis.Reader(notEnoughData=Ellipsis)
        try:
            async for data in stream:
                reader.feed(bytes(data))
                while (command := reader.gets()) is not Ellipsis:
                    if reply := self._reply(command):
                        async with self._sending:
                            await stream.send_all(reply)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    def _reply(self, command: list[bytes]) -> bytes | None:
        if command[0] == b"HELLO" and len(command) > 1:
            self.greeted += 1
            return self.hello
        self.heard.append(command)
        return self.answer(command)


@asynccontextmanager
async def open_impostor(answer: Answer | None = None) -> AsyncIterator[Impostor]:
    impostor = Impostor(answer)
    async with open_service_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        impostor.url = f"redis://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.start_soon(trio.serve_listeners, impostor.serve, [listener])
        yield impostor


async def until(fact: Callable[[], Any], *, within: float = 5) -> None:
    """Wait until *fact* holds."""
    with trio.fail_after(within):
        while not fact():  # noqa: ASYNC110 - a fact in another process has no event.
            await trio.sleep(0.002)
