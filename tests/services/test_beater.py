"""A process whose loop is blocked goes on beating, on a real server."""

import threading
import time
from collections.abc import Iterator
from typing import cast

import pytest
import redis as redispy
import trio

from kiq_trio._services.beater import BeatThread, Pulse, beat_by_thread, real_pulse
from kiq_trio._services.watchdog import Watchdog
from kiq_trio._store.registering import Beat
from tests.servers import RealServer

pytestmark = [pytest.mark.server, pytest.mark.slow]

INTERVAL = 0.02
NUMBER = 2**40


@pytest.fixture
def client(real_server: RealServer) -> Iterator[redispy.Redis]:
    with real_server.client(socket_timeout=1.0) as client:
        client.flushall()
        client.hset("kiq:processes", "me", "1")
        yield client


def watchdog(blocked_limit: float = 900.0) -> Watchdog:
    return Watchdog(blocked_after=0.04, blocked_limit=blocked_limit)


def counter(client: redispy.Redis) -> int:
    return int(client.hget("kiq:processes", "me") or 0)


async def test_beats_go_on_while_the_loop_is_blocked(
    client: redispy.Redis, real_server: RealServer
) -> None:
    pulse = real_pulse()
    with real_server.client() as own:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat, own, pulse, watchdog())
            await trio.sleep(3 * INTERVAL)
            before = counter(client)
            time.sleep(0.3)  # noqa: ASYNC251 - that is the point.
            after = counter(client)
            nursery.cancel_scope.cancel()

    assert after - before >= 5
    assert pulse.age < 0.2


async def test_whoever_waits_for_a_beat_hears_of_it_from_the_thread(
    client: redispy.Redis, real_server: RealServer
) -> None:
    pulse = real_pulse()
    with real_server.client() as own, trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat, own, pulse, watchdog())
            for _ in range(3):
                await pulse.wait_heard()
            nursery.cancel_scope.cancel()


async def test_a_loop_that_is_blocked_for_too_long_is_left_to_be_buried(
    client: redispy.Redis, real_server: RealServer
) -> None:
    with real_server.client() as own:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat, own, real_pulse(), watchdog(blocked_limit=0.1))
            await trio.sleep(3 * INTERVAL)
            time.sleep(0.2)  # noqa: ASYNC251 - that is the point.
            before = counter(client)
            time.sleep(0.1)  # noqa: ASYNC251 - likewise.
            after = counter(client)
            nursery.cancel_scope.cancel()

    assert after == before


@pytest.mark.parametrize("verdict", [Beat.BURIED, Beat.FORGOTTEN])
async def test_the_thread_reports_that_we_are_gone(
    client: redispy.Redis, real_server: RealServer, verdict: Beat
) -> None:
    with real_server.client() as own, trio.fail_after(5):
        if verdict is Beat.BURIED:
            client.set("kiq:registrations", NUMBER + 1)
        client.hdel("kiq:processes", "me")

        assert await beat(own, real_pulse(), watchdog()) is verdict


async def test_a_beat_that_does_not_get_through_makes_us_no_younger(
    client: redispy.Redis, real_server: RealServer
) -> None:
    pulse = real_pulse()
    pulse.heard_at -= 100
    client.delete("kiq:processes")
    client.set("kiq:processes", "a string")
    client.config_resetstat()
    with real_server.client() as own, trio.move_on_after(0.2):
        await beat(own, pulse, watchdog())

    sent = client.info("commandstats")["cmdstat_eval"]
    assert sent["calls"] > 1
    assert pulse.age > 100


async def beat(client: redispy.Redis, pulse: Pulse, watchdog: Watchdog) -> Beat:
    return await beat_by_thread(
        client, "me", NUMBER, pulse, watchdog, interval=INTERVAL
    )


async def test_after_a_beat_that_got_lost_the_next_one_comes_soon() -> None:
    """While no beat gets through nothing is fetched, so we do not wait for the next."""

    class Deaf:
        def __init__(self) -> None:
            self.asked = 0
            self.was_heard = trio.Event()

        def execute_command(self, *_: object) -> int:
            self.asked += 1
            if self.asked <= 3:
                raise redispy.ConnectionError
            trio.from_thread.run_sync(self.was_heard.set)
            return 1

    pulse, stop, client = real_pulse(), threading.Event(), Deaf()
    began = pulse.now()
    line = cast("redispy.Redis", client)
    calm = Watchdog(blocked_after=60, blocked_limit=900)
    thread = BeatThread(line, "me", 1, pulse, calm, interval=2.0, stop=stop)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, thread.run)
        with trio.fail_after(10):
            await client.was_heard.wait()
        stop.set()

    assert pulse.now() - began < 2.0
