"""Orders are read from where one is, as often as one likes."""

import attrs

from kiq_trio._store.ordering import Order, give, read_orders
from kiq_trio._wire.client import Redis

CANCEL = Order(kind="cancel", subject="abc", reason="why\nnot", at=1_800_000_000.25)


async def test_an_order_is_read_as_it_was_given(redis: Redis) -> None:
    place = await give(redis, CANCEL)
    dump = Order(kind="dump", target="host:1:a", at=2.0)
    other = await give(redis, dump)

    orders = await read_orders(redis)

    assert orders == [
        attrs.evolve(CANCEL, place=place),
        attrs.evolve(dump, place=other),
    ]
    assert await read_orders(redis, place) == orders[1:]
    assert await read_orders(redis, other) == []


async def test_orders_are_kept_for_a_while_and_about_a_thousand_of_them(
    redis: Redis,
) -> None:
    for _ in range(1_300):
        await give(redis, CANCEL)

    assert 1_000 <= await redis.raw("XLEN", "kiq:orders") < 1_200
    assert 7_000 < await redis.raw("TTL", "kiq:orders") <= 7_200


async def test_what_a_hand_wrote_is_read_as_far_as_it_can_be(redis: Redis) -> None:
    await redis.raw("XADD", "kiq:orders", "*", "kind", b"\xff", "at", "noon")
    await redis.raw("XADD", "kiq:orders", "*", "color", "blue")

    one, two = await read_orders(redis)

    assert (one.kind, one.at) == ("\ufffd", 0.0)
    assert (two.kind, two.subject) == ("", "")


async def test_an_order_is_given_even_if_its_script_was_forgotten(
    redis: Redis,
) -> None:
    await redis.raw("SCRIPT", "FLUSH")

    await give(redis, CANCEL)

    assert len(await read_orders(redis)) == 1
