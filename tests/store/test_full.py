"""A Redis whose memory is full: nothing new comes in, all that is there goes out."""

from collections.abc import Iterator

import pytest

from kiq_trio._store.burying import Rescued, bury, bury_orphan, read_grave
from kiq_trio._store.doubt import is_back_pressure
from kiq_trio._store.enqueueing import Batch, enqueue
from kiq_trio._store.moving import Move
from kiq_trio._store.moving import move as move_away
from kiq_trio._store.registering import Beat, beat, leave, register
from kiq_trio._store.removing import Removal, delete_queue, remove
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._store.settling import Ack, Kill, Requeue, Retry, Settled
from kiq_trio._store.staging import stage
from kiq_trio._wire.address import Address
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.remote import RemoteServer
from tests.servers import RealServer
from tests.store.deeds import (
    FUTURE,
    ME,
    OTHER,
    PAST,
    join,
    members,
    move,
    put,
    take,
    waiting,
)
from tests.store.test_guards import drain_all

pytestmark = pytest.mark.server


@pytest.fixture
def remote(real_server: RealServer) -> Iterator[RemoteServer]:
    with real_server.client() as client:
        client.flushall()
        yield RemoteServer(Address.from_url(real_server.unix_url))
        client.config_set("maxmemory", 0)


async def test_a_full_redis_takes_no_jobs_and_lets_all_others_work(
    remote: RemoteServer,
) -> None:
    async with open_redis(remote, scripts=SCRIPTS) as redis:
        number = await register(redis, ME)
        await put(redis, "mail", b"1", b"2", b"3", b"4", b"5")
        await redis.raw("ZADD", "retry", PAST, b"due")
        await redis.raw("SADD", "kiq:backups", "orphan")
        await redis.raw("CONFIG", "SET", "maxmemory", 1)

        errors = await enqueue(
            redis,
            [
                Batch("client|mail", 2, "mail", (b"6",)),
                Batch("s", 1, None, (b"7",), (1.0,)),
            ],
        )
        for error in errors:
            assert isinstance(error, Exception)
            assert is_back_pressure(error)

        await join(redis, OTHER)
        assert await beat(redis, ME, number) is Beat.ALIVE
        jobs = await take(redis, "mail", limit=5)
        settled = await move(
            redis,
            (jobs[0], Ack()),
            (jobs[1], Retry(FUTURE, b"2")),
            (jobs[2], Kill(FUTURE, b"3")),
            (jobs[3], Requeue()),
        )
        assert settled == [Settled.MOVED] * 4
        assert await stage(redis, "retry", [Move(b"due", PAST, "post", b"due")]) == 1
        assert await bury(redis, ME, 2)
        assert await bury_orphan(redis, "orphan")
        (held,) = await read_grave(redis, ME)
        assert await drain_all(redis, [Rescued(held, b"5")])
        assert await leave(redis, OTHER)

        assert await waiting(redis, "mail") == [b"5", b"4"]
        assert await waiting(redis, "post") == [b"due"]
        assert await members(redis, "retry") == [(b"2", FUTURE)]
        assert await members(redis, "dead") == [(b"3", FUTURE)]


async def test_a_refused_batch_is_stored_by_the_same_call_later(
    remote: RemoteServer,
) -> None:
    batch = Batch("client|mail", 1, "mail", (b"1",))
    async with open_redis(remote, scripts=SCRIPTS) as redis:
        await redis.raw("CONFIG", "SET", "maxmemory", 1)
        (error,) = await enqueue(redis, [batch])
        assert error is not None
        await redis.raw("CONFIG", "SET", "maxmemory", 0)

        assert await enqueue(redis, [batch]) == [None]

        assert await waiting(redis, "mail") == [b"1"]


async def test_jobs_are_tended_by_hand_when_redis_is_full(
    remote: RemoteServer,
) -> None:
    async with open_redis(remote, scripts=SCRIPTS) as redis:
        await put(redis, "mail", b"1")
        await redis.raw("SADD", "queues", "empty")
        await redis.raw("ZADD", "retry", PAST, b"2", FUTURE, b"3", FUTURE, b"4")
        await redis.raw("CONFIG", "SET", "maxmemory", 1)

        moves = [
            Move(b"2", PAST, None, b"2"),
            Move(b"3", FUTURE, "post", b"3"),
            Move(b"4", FUTURE, None, None),
        ]
        assert await move_away(redis, "retry", moves) == 3
        assert await remove(redis, "mail", [Removal(b"1")]) == 1
        assert await delete_queue(redis, "empty")

        assert await waiting(redis, "post") == [b"3"]
        assert await redis.raw("ZCARD", "dead") == 1
