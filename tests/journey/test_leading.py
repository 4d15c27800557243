"""Of several `Kiq`s on one Redis one leads, and its program can tell."""

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError, Kiq, NotRunningError, Timing
from kiq_trio._wire.memory import MemoryServer
from kiq_trio._wire.seam import Server
from tests.journey.conftest import KiqMaker

FAST = Timing().scaled(0.01)


async def test_one_leads_and_the_next_takes_over_when_it_leaves(
    server: Server,
) -> None:
    events: list[str] = []
    done = trio.Event()

    async def work(name: str, kiq: Kiq) -> None:
        events.append(f"{name} works in {kiq.term}")
        done.set()
        await trio.sleep_forever()

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery, Kiq(redis_url=server) as two:
            first = Kiq(
                redis_url=server,
                timing=FAST,
                on_lead=lambda: events.append("on_lead"),
                on_lead_lost=[lambda: events.append("on_lead_lost")],
            )
            # The second one has slower hands, and leads first.
            nursery.start_soon(two.as_leader, work, "two", two)
            await done.wait()
            assert (two.is_leader, two.term) == (True, 1)
            done = trio.Event()
            async with first:
                nursery.start_soon(first.as_leader, work, "one", first)
                assert not first.is_leader
                await two.redis.raw("DEL", "kiq:leader")
                await done.wait()
                assert (first.is_leader, first.term) == (True, 2)
                nursery.cancel_scope.cancel()

    assert events.pop() == "on_lead_lost"
    assert sorted(events) == ["on_lead", "one works in 2", "two works in 1"]
    assert (first.is_leader, first.term) == (False, None)


async def test_a_stop_frees_the_lead_at_once(server: Server) -> None:
    async with Kiq(redis_url=server) as kiq:
        with trio.fail_after(10):
            assert await kiq.as_leader(_return, 5) == 5

    async with Kiq(redis_url=server, campaign=False) as kiq:
        assert await kiq.redis.raw("EXISTS", "kiq:leader") == 0
        assert await kiq.redis.raw("GET", "kiq:term") == b"1"


async def _return(value: int) -> int:
    await trio.lowlevel.checkpoint()
    return value


async def test_whoever_may_not_lead_says_so(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    for option in ("server", "campaign"):
        async with make_kiq(**{option: False}) as kiq:
            await trio.sleep(80_000)
            assert not kiq.is_leader
            with pytest.raises(ConfigError, match="server=True, campaign=True"):
                await kiq.as_leader(trio.sleep, 1)

    with pytest.raises(NotRunningError):
        await kiq.as_leader(trio.sleep, 1)


async def test_a_year_of_leading_costs_nearly_nothing(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq() as kiq, make_kiq() as other:
        await trio.sleep(365 * 86_400)

        assert (kiq.term, other.term) == (1, None)


async def test_a_callback_that_hangs_leaves_time_for_the_last_words(
    autojump_clock: MockClock, make_kiq: KiqMaker, memory: MemoryServer
) -> None:
    async with make_kiq(on_lead_lost=trio.sleep_forever, shutdown_timeout=5):
        await trio.sleep(60)

    async with Kiq(redis_url=memory, server=False) as kiq:
        left = await kiq.redis.raw("KEYS", "*")

    assert sorted(left) == [b"kiq:registrations", b"kiq:term"]
