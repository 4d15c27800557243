"""One process leads, knows for how long it may be sure of it, and says so."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from redis.exceptions import ResponseError
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._background import background
from kiq_trio._pipeline.lease import Lease
from kiq_trio._services.candidate import Candidate
from kiq_trio._services.leadership import Leadership
from kiq_trio._store.leading import lead
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio.errors import NotRunningError
from kiq_trio.timing import Timing
from tests.store.deeds import ME, OTHER
from tests.unkind import Fate, UnkindServer

TIMING = Timing()


@attrs.define(eq=False)
class Office:
    """A candidate, what it told of, and what it knows."""

    candidate: Candidate
    news: list[str]
    leadership: Leadership

    def term(self) -> int | None:
        return self.leadership.term


@asynccontextmanager
async def campaigning(
    redis: Redis, unkind: UnkindServer, name: str = ME, **options: Any
) -> AsyncIterator[Office]:
    lease, leadership = Lease(), Leadership()
    lease.grant(name)
    news: list[str] = []

    async def on_lead_lost() -> None:
        await trio.lowlevel.checkpoint()
        news.append("lost")

    candidate = Candidate(
        redis=redis,
        server=unkind,
        lease=lease,
        leadership=leadership,
        **{
            "timing": TIMING,
            "on_lead": [lambda: news.append(f"led {leadership.term}")],
            "on_lead_lost": [on_lead_lost],
            **options,
        },
    )
    async with background(candidate.run, candidate.resign):
        await wait_all_tasks_blocked()
        yield Office(candidate, news, leadership)


async def test_whoever_comes_first_leads_and_whoever_resigns_lets_the_next(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with campaigning(redis, unkind, OTHER) as second:
        async with campaigning(redis, unkind) as first:
            assert (second.term(), first.term()) == (1, None)
            await trio.sleep(3_600)
            assert (second.term(), first.term()) == (1, None)
        assert first.news == []
    assert second.news == ["led 1", "lost"]
    assert second.term() is None

    async with campaigning(redis, unkind) as third:
        assert third.term() == 2


async def test_sidekiqs_ui_shows_who_leads_only_if_it_is_told_to(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with campaigning(redis, unkind):
        await trio.sleep(60)
        assert await redis.raw("EXISTS", "dear-leader") == 0

    async with campaigning(redis, unkind, dear_leader=True):
        await trio.sleep(60)
        assert await redis.raw("GET", "dear-leader") == ME.encode()

        async with campaigning(redis, unkind, OTHER, dear_leader=True):
            await trio.sleep(60)
        assert await redis.raw("GET", "dear-leader") == ME.encode()
    assert await redis.raw("EXISTS", "dear-leader") == 0


async def test_who_leads_sidekiq_enterprise_is_left_alone(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await redis.raw("SET", "dear-leader", "ruby:1:ab")

    async with campaigning(redis, unkind, dear_leader=True) as office:
        await trio.sleep(60)

    assert office.news == ["led 1", "lost"]
    assert await redis.raw("GET", "dear-leader") == b"ruby:1:ab"


async def test_the_others_notice_a_free_lead_at_the_next_renewal(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a server that tells nobody of writes, as a real one.
    monkeypatch.setattr(unkind, "watch", lambda _: trio.Event())
    await lead(redis, OTHER, ttl=25)
    async with campaigning(redis, unkind) as office:
        await trio.sleep(24)
        assert office.term() is None

        await trio.sleep(10)

        assert office.term() == 2


async def test_in_process_a_free_lead_is_noticed_at_once(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await lead(redis, OTHER, ttl=1e6)
    async with campaigning(redis, unkind, timing=Timing.in_process()) as office:
        await redis.raw("DEL", "kiq:leader")
        await wait_all_tasks_blocked()

        assert office.term() == 2


async def test_an_outage_ends_a_lead_before_redis_can_give_it_to_another(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with campaigning(redis, unkind) as office:
        await trio.sleep(9)
        unkind.go_away()
        await trio.sleep(17.9)
        assert office.term() == 1
        await trio.sleep(0.2)
        assert office.term() is None
        assert office.news == ["led 1", "lost"]
        # In Redis it lasts longer than we believed in it.
        door = unkind.kind_door()
        async with open_redis(door, scripts=SCRIPTS) as other:
            assert (await lead(other, OTHER, ttl=30)).holder == ME
            await trio.sleep(3)
            assert (await lead(other, OTHER, ttl=30)).holder == OTHER

        unkind.come_back()
        await trio.sleep(15)

        assert office.term() is None


async def test_a_short_outage_costs_no_lead(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with campaigning(redis, unkind) as office:
        await trio.sleep(9)
        unkind.go_away()
        await trio.sleep(12)
        unkind.come_back()
        await trio.sleep(3_600)

        assert office.term() == 1
        assert office.news == ["led 1"]


async def test_a_lost_reply_costs_no_lead(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    fates: list[Fate] = ["reply lost"]
    unkind.fate = lambda _: fates.pop() if fates else "delivered"
    async with campaigning(redis, unkind) as office:
        await trio.sleep(30)

        assert office.term() == 1


async def test_a_lead_that_another_has_is_over_at_the_next_renewal(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with campaigning(redis, unkind) as office:
        await redis.raw("DEL", "kiq:leader")
        await lead(redis, OTHER, ttl=1e6)
        await trio.sleep(11)

        assert office.term() is None
        assert office.news == ["led 1", "lost"]


async def test_a_redis_that_lost_its_data_gives_no_term_twice(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with campaigning(redis, unkind) as office:
        await redis.raw("FLUSHALL")
        await redis.raw("SCRIPT", "FLUSH")
        await trio.sleep(11)

        assert office.term() == 2
        assert office.news == ["led 1", "lost", "led 2"]


async def test_a_process_with_a_new_name_leads_under_the_old_one_no_longer(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with campaigning(redis, unkind) as office:
        office.candidate.lease.grant("host:1:new")
        await trio.sleep(11)
        assert office.term() is None
        await trio.sleep(40)

        assert office.term() == 2


async def test_a_leader_whose_loop_was_blocked_does_not_believe_it_leads(
    redis: Redis, unkind: UnkindServer
) -> None:
    timing = TIMING.scaled(0.005)
    # Trio's real clock: 150 ms of lead, 200 ms of blocking.
    async with campaigning(redis, unkind, timing=timing) as office:
        assert office.term() is not None
        with office.leadership.scope() as scope:
            time.sleep(0.2)  # noqa: ASYNC251 - that is what this is about.
            assert office.term() is None
            await trio.sleep(10)
        assert scope.cancelled_caught


async def test_a_function_runs_only_while_we_lead_and_again_with_the_next_lead(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    seen: list[str] = []

    async def work(name: str) -> str:
        seen.append(f"{name} {office.term()}")
        try:
            await trio.sleep(100)
        finally:
            seen.append(f"end at {trio.current_time() - began:g}")
        return "done"

    began = trio.current_time()
    async with campaigning(redis, unkind) as office, trio.open_nursery() as nursery:
        result: list[str] = []

        async def lead_on() -> None:
            result.append(await office.leadership.run(work, "a"))

        nursery.start_soon(lead_on)
        await trio.sleep(11)
        unkind.go_away()
        await trio.sleep(89)
        unkind.come_back()

    assert seen[:2] == ["a 1", "end at 37"]
    assert seen[2] == "a 2"
    assert result == ["done"]


async def test_a_cancellation_that_was_swallowed_ends_it_with_what_it_returns(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async def deaf() -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)
        return "all the same"

    async with campaigning(redis, unkind) as office:
        unkind.go_away()

        assert await office.leadership.run(deaf) == "all the same"

        unkind.come_back()


async def test_whoever_waits_for_the_lead_is_told_when_it_is_not_sought_any_more(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    await lead(redis, OTHER, ttl=1e6)
    async with trio.open_nursery() as nursery, campaigning(redis, unkind) as office:

        async def wait() -> None:
            with pytest.raises(NotRunningError, match="we stopped"):
                await office.leadership.run(trio.sleep_forever)

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()


async def test_a_callback_that_raises_keeps_no_other_from_being_called(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    called: list[str] = []

    def bad() -> None:
        raise ValueError("mine")

    callbacks: list[Callable[[], Any]] = [bad, lambda: called.append("good")]
    async with campaigning(redis, unkind, on_lead=callbacks) as office:
        await trio.sleep(60)
        assert office.term() == 1

    assert called == ["good"]
    assert "on_lead: <function" in caplog.text
    assert "ValueError: mine" in caplog.text


async def test_a_callback_that_takes_long_is_cancelled_with_the_lead(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with campaigning(redis, unkind, on_lead=[trio.sleep_forever]) as office:
        await trio.sleep(60)
        assert office.term() == 1
        unkind.go_away()
        await trio.sleep(60)

        assert office.news == ["lost"]
        unkind.come_back()


async def test_an_error_that_lasts_is_logged_once_and_so_is_its_end(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.leader")
    refused = ResponseError("WRONGTYPE no")
    unkind.refusal = lambda command: refused if "kiq:leader" in command else None
    async with campaigning(redis, unkind) as office:
        await trio.sleep(100)
        assert office.term() is None
        assert caplog.text.count("nobody can take the lead: WRONGTYPE") == 1

        unkind.refusal = lambda _: None
        await trio.sleep(10)

        assert office.term() == 1
        assert caplog.text.count("the lead can be taken again") == 1


async def test_a_jump_of_redis_clock_ends_a_lead_by_what_redis_says(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with campaigning(redis, unkind) as office:
        # Redis' clock jumped: to it, the lead has expired, and another has it.
        await redis.raw("PEXPIRE", "kiq:leader", 1)
        await trio.sleep(0.1)
        assert await lead(redis, OTHER, ttl=1e6) == (OTHER, 2)
        # For so long two believe that they lead; the terms tell them apart.
        assert office.term() == 1
        await trio.sleep(10)

        assert office.term() is None
