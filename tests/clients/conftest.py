"""Clients of both kinds, on a real Redis and on fakeredis."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import fakeredis
import pytest
import redis

from tests.clients.callers import CALLERS, Caller
from tests.servers import RealServer

Make = Callable[..., Caller]


def without_shebang(command: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return *command* for fakeredis, whose Lua takes `#!lua` for a mistake."""
    match command:
        case ("EVAL", source, *rest):
            return ("EVAL", source.replace("#!lua", "--", 1), *rest)
    return command


class Fake(fakeredis.FakeRedis):
    def execute_command(self, *args: Any, **options: Any) -> Any:
        command: Any = super().execute_command
        return command(*without_shebang(args), **options)


class AsyncFake(fakeredis.FakeAsyncRedis):
    async def execute_command(self, *args: Any, **options: Any) -> Any:
        command: Any = super().execute_command
        return await command(*without_shebang(args), **options)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest) -> Any:
    """An empty Redis: a server of fakeredis, or a `RealServer`."""
    if request.param == "fake":
        return fakeredis.FakeServer()
    return request.getfixturevalue("empty_server")


@pytest.fixture
def empty_server(real_server: RealServer) -> RealServer:
    with real_server.client() as client:
        client.flushall()
        client.script_flush()
    return real_server


@pytest.fixture
def store(place: Any) -> Iterator[redis.Redis]:
    """A look at what clients leave there."""
    if isinstance(place, fakeredis.FakeServer):
        yield fakeredis.FakeRedis(server=place)
    else:
        with place.client() as client:
            yield client


@pytest.fixture(params=["sync", "asyncio"])
def make(request: pytest.FixtureRequest, place: Any) -> Iterator[Make]:
    """Makes clients of either kind for this Redis."""
    made: list[Caller] = []
    redis: Any
    if isinstance(place, RealServer):
        redis = place.url
    elif request.param == "sync":
        redis = Fake(server=place)
    else:
        redis = AsyncFake(server=place)

    def make(**options: Any) -> Caller:
        caller: Caller = CALLERS[request.param](redis, **options)
        made.append(caller)
        return caller

    yield make
    for caller in made:
        caller.close()


@pytest.fixture
def caller(make: Make) -> Caller:
    return make()


@pytest.fixture(params=["sync", "asyncio"])
def connect(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes clients of either kind, for any URL."""
    made: list[Caller] = []

    def connect(kind: type[Caller], *args: Any, **options: Any) -> Caller:
        made.append(caller := kind(*args, **options))
        return caller

    yield partial(connect, CALLERS[request.param])
    for caller in made:
        caller.close()
