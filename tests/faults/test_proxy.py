"""The fault proxy does what it says, for otherwise its tests show nothing."""

import random
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise

import pytest
import redis
import trio
from hypothesis import given
from hypothesis import strategies as st

from kiq_trio._store.scripts import FETCH
from tests.faults.fates import (
    Gate,
    answered,
    befalls,
    cut_after,
    delayed,
    dropped,
    garbled,
    name_of,
    one_of,
    reset_after,
    trickled,
)
from tests.faults.proxy import Direction, Proxy, delivered, open_proxy, proxied
from tests.faults.resp import Frames, read_command
from tests.servers import RealServer
from tests.wire.clients import until

ECHO = b"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n"
PING = b"*1\r\n$4\r\nPING\r\n"
REPLY = b"$5\r\nhello\r\n"
REPLIES = [
    b"+OK\r\n",
    b"-ERR no\r\n",
    b":-3\r\n",
    b"_\r\n",
    b"#t\r\n",
    b",1.5\r\n",
    b"(123\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"$4\r\n\r\n\r\n\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*2\r\n*1\r\n:1\r\n$1\r\na\r\n",
    b"%1\r\n+a\r\n*1\r\n+b\r\n",
    b"~1\r\n+a\r\n",
    b"=5\r\ntxt:a\r\n",
    b">2\r\n+a\r\n+b\r\n",
]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % len(data) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(
    replies=st.lists(st.sampled_from(REPLIES), min_size=1),
    places=st.lists(st.integers(0, 1000)),
)
def test_messages_are_found_however_they_are_cut(
    replies: list[bytes], places: list[int]
) -> None:
    frames = Frames()
    found = [
        frame for part in cut(b"".join(replies), places) for frame in frames.feed(part)
    ]

    assert found == replies


def test_a_command_is_read() -> None:
    assert read_command(ECHO) == (b"ECHO", b"hello")
    assert read_command(b"*2\r\n$0\r\n\r\n$2\r\n\r\n\r\n") == (b"", b"\r\n")


@pytest.fixture
async def proxy(real_server: RealServer) -> AsyncIterator[Proxy]:
    async with open_proxy(real_server.path) as proxy:
        yield proxy


@pytest.fixture
async def stream(proxy: Proxy) -> AsyncIterator[trio.SocketStream]:
    async with await connect(proxy) as stream:
        yield stream


async def connect(proxy: Proxy) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", proxy.port)


async def receive(stream: trio.SocketStream, *, within: float = 0.1) -> bytes:
    """Return what comes until nothing does for a while, or for ever."""
    received = b""
    with trio.move_on_after(within):
        async for data in stream:
            received += data
    return received


@pytest.mark.server
async def test_without_a_fault_everything_passes(
    proxy: Proxy, stream: trio.SocketStream
) -> None:
    await stream.send_all(ECHO + PING + ECHO)

    assert await receive(stream) == REPLY + b"+PONG\r\n" + REPLY
    assert len(proxy.arrivals) == len(proxy.lines) == 1
    await stream.aclose()
    await until(lambda: not proxy.lines)


@pytest.mark.server
async def test_a_command_or_a_reply_is_dropped_and_the_line_goes_on(
    proxy: Proxy,
    stream: trio.SocketStream,
) -> None:
    proxy.on_request = befalls(dropped, "ECHO")
    await stream.send_all(ECHO + PING)
    assert await receive(stream) == b"+PONG\r\n"

    proxy.mend()
    proxy.on_reply = befalls(dropped, "ECHO")
    await stream.send_all(b"*2\r\n$4\r\nECHO\r\n$1\r\na\r\n" + PING)
    assert await receive(stream) == b"+PONG\r\n"


@pytest.mark.server
async def test_what_is_delayed_delays_what_is_behind(
    proxy: Proxy, stream: trio.SocketStream
) -> None:
    proxy.on_reply = befalls(delayed(0.2), "ECHO")
    sent_at = trio.current_time()
    await stream.send_all(ECHO + PING)

    assert await stream.receive_some() == REPLY
    assert trio.current_time() - sent_at >= 0.2


@pytest.mark.server
async def test_what_is_held_reaches_redis_when_its_sender_is_gone(
    proxy: Proxy, stream: trio.SocketStream, real_server: RealServer
) -> None:
    gate = Gate()
    proxy.on_request = befalls(gate, "SET")
    await stream.send_all(b"*3\r\n$3\r\nSET\r\n$4\r\nlate\r\n$1\r\n1\r\n")
    await until(lambda: gate.held)
    await stream.aclose()

    with real_server.client() as client:
        assert client.get("late") is None
        gate.is_open = True
        await until(lambda: client.getdel("late"))
    await until(lambda: not proxy.lines)


@pytest.mark.server
@pytest.mark.parametrize("length", [0, 1, 4, len(REPLY)])
async def test_a_line_is_cut_after_so_many_bytes(
    proxy: Proxy, stream: trio.SocketStream, length: int
) -> None:
    proxy.on_reply = befalls(cut_after(length), "ECHO")
    await stream.send_all(ECHO)

    assert await receive(stream, within=5) == REPLY[:length]
    await until(lambda: not proxy.lines)


@pytest.mark.server
async def test_a_command_that_is_cut_is_not_run_nor_is_what_is_behind(
    proxy: Proxy, stream: trio.SocketStream, real_server: RealServer
) -> None:
    proxy.on_request = befalls(cut_after(20), "SET")
    cut, behind = (
        b"*3\r\n$3\r\nSET\r\n$3\r\n%b\r\n$1\r\n1\r\n" % name
        for name in (b"cut", b"end")
    )
    await stream.send_all(cut + behind)

    assert await receive(stream, within=5) == b""
    with real_server.client() as client:
        assert client.mget("cut", "end") == [None, None]


@pytest.mark.server
async def test_a_reset_is_no_farewell(proxy: Proxy, stream: trio.SocketStream) -> None:
    proxy.on_reply = befalls(reset_after(0), "ECHO")
    await stream.send_all(ECHO)

    with pytest.raises(trio.BrokenResourceError) as caught:
        await stream.receive_some()
    assert isinstance(caught.value.__cause__, ConnectionResetError)


@pytest.mark.server
async def test_a_reply_trickles(proxy: Proxy, stream: trio.SocketStream) -> None:
    proxy.on_reply = befalls(trickled(0.01), "ECHO")
    await stream.send_all(ECHO)

    parts = [await stream.receive_some() for _ in range(3)]
    assert b"".join(parts) == REPLY[:3]
    assert await receive(stream, within=0.5) == REPLY[3:]


@pytest.mark.server
async def test_a_reply_is_garbled(proxy: Proxy, stream: trio.SocketStream) -> None:
    proxy.on_reply = befalls(garbled(bytes.upper), "ECHO")
    await stream.send_all(ECHO)

    assert await receive(stream) == REPLY.upper()


@pytest.mark.server
async def test_what_we_answer_ourselves_comes_in_its_turn(
    proxy: Proxy, stream: trio.SocketStream, real_server: RealServer
) -> None:
    proxy.on_request = befalls(answered(b"-LOADING\r\n"), "INCR")
    proxy.on_reply = befalls(delayed(0.05), "ECHO")
    incr = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
    await stream.send_all(ECHO + incr + incr + PING + incr)

    expected = REPLY + b"-LOADING\r\n" * 2 + b"+PONG\r\n" + b"-LOADING\r\n"
    assert await receive(stream, within=0.3) == expected
    with real_server.client() as client:
        assert client.get("n") is None


@pytest.mark.server
@pytest.mark.parametrize("direction", ["up", "down"])
async def test_in_the_dark_nothing_comes_and_nobody_hears_of_an_end(
    proxy: Proxy, stream: trio.SocketStream, direction: Direction
) -> None:
    await stream.send_all(PING)
    assert await receive(stream) == b"+PONG\r\n"
    proxy.dark = frozenset({direction})
    await stream.send_all(PING)
    assert await receive(stream) == b""
    if direction == "up":
        await stream.aclose()
        await trio.sleep(0.05)
        assert proxy.lines, "the server has not heard that the client is gone"

    proxy.mend()
    async with await connect(proxy) as other:
        await other.send_all(PING)
        assert await receive(other) == b"+PONG\r\n"


@pytest.mark.server
async def test_new_lines_may_be_refused(proxy: Proxy) -> None:
    proxy.is_refusing = True
    async with await connect(proxy) as stream:
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
    assert len(proxy.arrivals) == 1
    assert not proxy.lines


async def test_a_server_that_is_away_closes_the_line(real_server: RealServer) -> None:
    async with (
        open_proxy(real_server.folder / "nobody") as proxy,
        await connect(proxy) as stream,
    ):
        assert await receive(stream, within=5) == b""


def test_chance_chooses_and_a_seed_repeats_it() -> None:
    rule = one_of({dropped: 0.5}, random.Random(1))
    again = one_of({dropped: 0.5}, random.Random(1))
    chosen = [rule((b"PING",)) for _ in range(100)]

    assert chosen == [again((b"PING",), b"") for _ in range(100)]
    assert set(chosen) == {dropped, delivered}


def test_a_command_is_named_by_its_script() -> None:
    assert name_of((b"ping",)) == "PING"
    assert name_of((b"EVALSHA", FETCH.sha.encode(), b"0")) == "fetch"
    assert name_of((b"EVAL", FETCH.source.encode(), b"0")) == "fetch"
    assert name_of((b"EVALSHA", b"0" * 40, b"0")) == "EVALSHA"


def test_a_fate_befalls_what_it_is_meant_for_and_so_often() -> None:
    rule = befalls(dropped, "PING", "fetch", times=2)
    asked = [(b"ECHO",), (b"PING",), (b"EVALSHA", FETCH.sha.encode()), (b"PING",)]

    assert [rule(each) for each in asked] == [delivered, dropped, dropped, delivered]


@pytest.mark.server
def test_a_proxy_runs_beside_a_test_that_is_not_async(real_server: RealServer) -> None:
    with proxied(real_server.path) as proxy, redis.Redis.from_url(proxy.url) as client:
        assert client.ping()
        proxy.on_reply = befalls(cut_after(0), "PING")
        with pytest.raises(redis.ConnectionError):
            client.ping()
