"""However tasks come and go, replies never reach the wrong one."""

import sys
from random import Random

import pytest
import trio

from kiq_trio._wire.script import Script
from tests.servers import RealServer
from tests.wire.clients import open_client

pytestmark = [pytest.mark.server, pytest.mark.slow]

ECHO = Script("echo", "return ARGV[1]")
TASKS = 40


@pytest.mark.parametrize("seed", range(3))
async def test_a_cancelled_waiter_never_puts_replies_out_of_step(
    empty_server: RealServer, seed: int, *, is_long: bool
) -> None:
    random = Random(seed)
    turns = 8_500 if is_long else 60
    told: list[str] = []

    async with open_client(empty_server.unix_url, scripts=[ECHO]) as redis:

        async def ask(token: str) -> None:
            padding = "x" * random.choice([0, 0, 0, 10, 100_000])
            match random.randrange(4):
                case 0:
                    reply = await redis.raw("ECHO", token + padding)
                case 1:
                    [reply] = await redis.send([ECHO((), [token + padding])])
                case 2:
                    [text] = await redis.send((("ECHO", token + padding),), decode=True)
                    reply = text.encode()
                case _:
                    replies = await redis.send([("ECHO", token + padding)] * 5)
                    assert replies == replies[:1] * 5
                    reply = replies[0]
            assert reply == (token + padding).encode()
            told.append(token)

        async def ask_often(number: int) -> None:
            for turn in range(turns):
                with trio.move_on_after(random.choice([0, 0.0005, 0.002, 1])):
                    await ask(f"{seed}.{number}.{turn}.")

        async with trio.open_nursery() as nursery:
            for number in range(TASKS):
                nursery.start_soon(ask_often, number)

        assert redis.generation == 1
        assert await redis.ping() is True
    asked = TASKS * turns
    sys.stdout.write(f"{asked:,} calls, {asked - len(told):,} of them cancelled\n")
    assert asked / 24 < len(told) < asked, "some were cancelled, some were not"
