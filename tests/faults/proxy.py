"""A line to Redis on which everything can go wrong that does on real ones.

It knows where commands and replies begin and end, and asks of each what is to become
of it: see `fates`. Late copies are possible: what is held on its way to Redis gets
there when it is let go, though whoever sent it has long given up.
"""

import queue
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeAlias

import attrs
import trio

from kiq_trio._background import open_service_nursery
from tests.faults.resp import Frames, is_push, read_command
from tests.faults.ways import GONE, Way

Command: TypeAlias = tuple[bytes, ...]
Direction: TypeAlias = Literal["up", "down"]
BOTH: frozenset[Direction] = frozenset({"up", "down"})


@attrs.define(eq=False)
class Asked:
    """A command that has not been answered.

    Attributes:
        command: its parts.
        answer: what the proxy answers in the server's place.
    """

    command: Command
    answer: bytes | None = None


@attrs.frozen(eq=False)
class Passage:
    """A whole command on its way to Redis, or a whole reply on its way back.

    Attributes:
        frame: its bytes.
        way: where it is to go.
        asked: the command, or that of the reply; None for a push.
        line: the connection.
    """

    frame: bytes
    way: Way
    asked: Asked | None
    line: "Line"

    def vanish(self) -> None:
        """If it is a command: Redis will not hear of it, and not answer it."""
        if self.way is self.line.server and self.asked is not None:
            self.line.asked.remove(self.asked)


Fate: TypeAlias = Callable[[Passage], Awaitable[None]]


async def delivered(passage: Passage) -> None:
    """Nothing is wrong."""
    await passage.way.send(passage.frame)


@attrs.define(eq=False)
class Proxy:
    """Stands between clients and a server.

    Attributes:
        path: the server's Unix socket.
        on_request: says what becomes of a command on its way to Redis.
        on_reply: says what becomes of the reply to a command on its way back.
        dark: the directions in which all vanishes, ends of lines included.
        is_refusing: whether new lines are reset at once.
        port: where it listens.
        arrivals: when lines were opened, refused ones too, on Trio's clock.
        lines: those that are open, or on which something is held.
    """

    path: Path
    on_request: Callable[[Command], Fate] = lambda _: delivered
    on_reply: Callable[[Command, bytes], Fate] = lambda _, __: delivered
    dark: frozenset[Direction] = frozenset()
    is_refusing: bool = False
    port: int = 0
    arrivals: list[float] = attrs.field(factory=list)
    lines: "set[Line]" = attrs.field(factory=set)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def mend(self) -> None:
        """Carry everything again; what has vanished stays so."""
        self.on_request = lambda _: delivered
        self.on_reply = lambda _, __: delivered
        self.dark = frozenset()
        self.is_refusing = False

    async def carry(self, stream: trio.SocketStream) -> None:
        """Serve one line for as long as it lives."""
        self.arrivals.append(trio.current_time())
        client = Way(stream)
        if self.is_refusing:
            client.reset()
            return
        try:
            server = Way(await trio.open_unix_socket(self.path))
        except OSError:
            client.close()
            return
        line = Line(self, client, server)
        self.lines.add(line)
        try:
            await line.run()
        finally:
            self.lines.discard(line)


@attrs.define(eq=False)
class Line:
    """A connection of a client, and the one to the server that it has through us.

    Attributes:
        asked: the commands that have not been answered, in their order.
    """

    proxy: Proxy
    client: Way
    server: Way
    asked: deque[Asked] = attrs.field(factory=deque)
    _is_over: bool = False
    _answering: trio.Lock = attrs.field(factory=trio.Lock)

    async def run(self) -> None:
        """Carry both ways until either end is gone and nothing is held."""
        try:
            async with trio.open_nursery() as nursery:
                for carry in (self._carry_up, self._carry_down):
                    nursery.start_soon(self._until_gone, carry, nursery.cancel_scope)
        finally:
            self.client.close()
            self.server.close()

    def end(self, *, politely: bool = True) -> None:
        """Close or reset it; what is behind has no way to go any more."""
        if self._is_over:
            return
        self._is_over = True
        if politely:
            self.client.close()
        else:
            self.client.reset()

    async def answer(self) -> None:
        """Give the answers of our own that are next."""
        async with self._answering:
            while self.asked and self.asked[0].answer is not None:
                with suppress(*GONE):
                    await self.client.send(self.asked[0].answer)
                self.asked.popleft()

    async def _until_gone(
        self, carry: Callable[[], Awaitable[Direction]], scope: trio.CancelScope
    ) -> None:
        if await carry() in self.proxy.dark:
            # Nobody hears that the other end is gone.
            await trio.sleep_forever()
        scope.cancel()

    async def _carry_up(self) -> Direction:
        frames = Frames()
        async with aclosing(self.client.receive()) as received:
            async for data in received:
                for frame in frames.feed(data):
                    if "up" not in self.proxy.dark:
                        await self._ask(frame)
        return "up"

    async def _carry_down(self) -> Direction:
        frames = Frames()
        async with aclosing(self.server.receive()) as received:
            async for data in received:
                for frame in frames.feed(data):
                    await self._tell(frame)
        return "down"

    async def _ask(self, frame: bytes) -> None:
        asked = Asked(read_command(frame))
        self.asked.append(asked)
        fate = self.proxy.on_request(asked.command)
        await self._suffer(fate, Passage(frame, self.server, asked, self))

    async def _tell(self, frame: bytes) -> None:
        asked = None if is_push(frame) else self.asked[0]
        fate = self.proxy.on_reply(asked.command, frame) if asked else delivered
        if "down" not in self.proxy.dark:
            await self._suffer(fate, Passage(frame, self.client, asked, self))
        if asked:
            self.asked.popleft()
            await self.answer()

    async def _suffer(self, fate: Fate, passage: Passage) -> None:
        # Whoever it is for may be gone. That does not end the line: a command that
        # comes behind it may still be held, and reach Redis.
        if not self._is_over:
            with suppress(*GONE):
                await fate(passage)


@asynccontextmanager
async def open_proxy(path: Path) -> AsyncIterator[Proxy]:
    """Serve a proxy to the server at the socket *path* for the length of the block."""
    proxy = Proxy(path)
    async with open_service_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        proxy.port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, proxy.carry, [listener])
        yield proxy


@contextmanager
def proxied(path: Path) -> Iterator[Proxy]:
    """Do the same in a thread, for a test that is not async: it may set anything."""
    is_over = False
    ready: queue.SimpleQueue[Proxy] = queue.SimpleQueue()

    async def serve() -> None:
        async with open_proxy(path) as proxy:
            ready.put(proxy)
            while not is_over:  # noqa: ASYNC110 - set by another thread.
                await trio.sleep(0.01)

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    try:
        yield ready.get(timeout=10)
    finally:
        is_over = True
        thread.join()
