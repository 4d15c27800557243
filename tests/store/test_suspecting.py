"""A process says which job is to blame if it dies; each test is for one guard."""

from kiq_trio._store.burying import bury, drain, read_grave
from kiq_trio._store.settling import Ack
from kiq_trio._store.suspecting import suspect
from kiq_trio._wire.client import Redis
from tests.store.deeds import LONG, ME, join, move, put, take


async def test_who_is_buried_may_begin_no_suspect(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"a", b"b")
    one, other = await take(redis, "mail")
    assert await suspect(redis, one, 1)
    assert await bury(redis, ME, 1)

    assert not await suspect(redis, other, 2)

    suspected = [
        held.payload for held in await read_grave(redis, ME) if held.is_suspected
    ]
    assert suspected == [b"a"]


async def test_what_is_held_no_more_is_not_suspected(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"a", b"b")
    one, other = await take(redis, "mail")
    assert await suspect(redis, other, 1)
    await move(redis, (one, Ack()))

    assert not await suspect(redis, one, 2)

    [held] = await read_grave(redis, ME)
    assert held.is_suspected


async def test_the_last_that_began_is_the_one_to_blame(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"a", b"b", b"c")
    one, other, _ = await take(redis, "mail")

    assert await suspect(redis, one, 1)
    assert await suspect(redis, other, 2)
    assert await suspect(redis, other, 2)

    found = {held.payload: held.is_suspected for held in await read_grave(redis, ME)}
    assert found == {b"a": False, b"b": True, b"c": False}


async def test_a_late_copy_names_nothing(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"a", b"b")
    one, other = await take(redis, "mail")
    assert await suspect(redis, one, 1)
    assert await suspect(redis, other, 2)

    assert not await suspect(redis, one, 1)

    found = {held.payload: held.is_suspected for held in await read_grave(redis, ME)}
    assert found == {b"a": False, b"b": True}


async def test_a_name_does_not_outlive_its_process(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"a")
    [one] = await take(redis, "mail")
    assert await suspect(redis, one, 1)
    assert await bury(redis, ME, 1)
    await move(redis, (one, Ack()))

    assert await drain(redis, ME, [], now=0, dead_limit=1, dead_timeout=LONG)
    assert not await suspect(redis, one, 1)

    assert not await redis.raw("EXISTS", f"kiq:calls|{ME}")
