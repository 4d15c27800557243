"""The consumers of a queue share a thread fairly, and drop what is not theirs."""

import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio import worker
from kiq_trio._background import background
from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.consumer import Consumer
from kiq_trio._pipeline.crew import Crew
from kiq_trio._pipeline.failing import Failures
from kiq_trio._pipeline.gate import Gate
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.producer import Producer
from kiq_trio._pipeline.recalls import Recalls
from kiq_trio._pipeline.runner import Runner
from kiq_trio._pipeline.settler import Settler
from kiq_trio._pipeline.slots import Slots
from kiq_trio._pipeline.suspects import Suspects
from kiq_trio._services.stocktaker import Stocktaker
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.keys import backup_key
from kiq_trio._store.registering import register
from kiq_trio._wire.client import Redis
from kiq_trio.job import Job
from kiq_trio.worker import AnyWorker
from tests.unkind import UnkindServer, touches


@attrs.define(eq=False)
class Work:
    redis: Redis
    lease: Lease
    crew: Crew
    settler: Settler
    ledger: Ledger

    async def push(self, one: AnyWorker, count: int) -> None:
        payloads = [
            Job(job_class=one.name, args=[n], jid=str(n)).encode() for n in range(count)
        ]
        await self.redis.raw("LPUSH", "queue:q", *payloads)

    async def waiting(self) -> list[int]:
        reply = await self.redis.raw("LRANGE", "queue:q", 0, -1)
        return [Job.decode(payload).args[0] for payload in reversed(reply)]

    async def held(self) -> int:
        return int(await self.redis.raw("HLEN", backup_key("me")))


@asynccontextmanager
async def working(
    redis: Redis, *workers: AnyWorker, consumers: int
) -> AsyncIterator[Work]:
    dice = random.Random(1).random
    lease, broadcast, slots = Lease(), Broadcast([]), Slots()
    ledger = Ledger(now=trio.current_time)
    await register(redis, "me")
    lease.grant("me")
    settler = Settler(
        redis=redis,
        broadcast=broadcast,
        ledger=ledger,
        dead_limit=100,
        dead_timeout=1e9,
        limit=100,
        random=dice,
    )
    runner = Runner(
        workers={one.name: one for one in workers},
        lease=lease,
        threads=trio.CapacityLimiter(1),
        clock=trio.current_time,
    )
    gate = Gate(trio.current_time, Recalls(trio.current_time, lifetime=3_600))
    producer = Producer(
        redis=redis,
        queue="q",
        slots=slots,
        settler=settler,
        lease=lease,
        can_wait=False,
        interval=0.5,
        wait=2.0,
        random=dice,
    )
    numbers = itertools.count()

    def hire() -> Consumer:
        return Consumer(
            name=f"q-{next(numbers)}",
            slots=slots,
            runner=runner,
            settler=settler,
            broadcast=broadcast,
            ledger=ledger,
            failures=Failures(runner.workers, [], trio.current_time, dice),
            gate=gate,
            suspects=Suspects(redis),
        )

    crew = Crew(producer, [hire() for _ in range(consumers)], slots, settler, hire)
    async with background(settler.run), background(crew.run):
        yield Work(redis, lease, crew, settler, ledger)


async def test_jobs_that_never_pause_let_others_run_in_between(
    autojump_clock: MockClock, redis: Redis
) -> None:
    ran: list[int] = []
    seen: list[int] = []

    @worker()
    async def busy(n: int) -> None:
        ran.append(n)
        autojump_clock.jump(0.001)

    async with working(redis, busy, consumers=50) as work:
        await work.push(busy, 50)
        while len(ran) < 50:
            seen.append(len(ran))
            await trio.lowlevel.checkpoint()
        await work.settler.drained()

        assert any(0 < count < 50 for count in seen)
        assert await work.held() == 0


async def test_others_run_while_thousands_of_consumers_start(
    autojump_clock: MockClock, redis: Redis
) -> None:
    seen: list[int] = [0]

    async with working(redis, consumers=2_000) as work:
        while seen[-1] < 2_000:
            await trio.lowlevel.checkpoint()
            seen.append(len(work.ledger.tasks))

    assert max(after - before for before, after in pairwise(seen)) <= 200


async def test_a_crew_that_is_resized_while_it_starts_has_as_many_as_it_should(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with working(redis, consumers=1_000) as work:
        await trio.lowlevel.checkpoint()
        assert len(work.ledger.tasks) < 1_000
        work.crew.resize(1_300)
        work.crew.resize(1_200)
        await wait_all_tasks_blocked()

        assert len(work.ledger.tasks) == len(work.crew.consumers) == 1_200
        assert work.crew.size == 1_200


async def test_a_job_in_the_hands_of_a_consumer_that_pauses_is_given_back(
    autojump_clock: MockClock, redis: Redis
) -> None:
    ran: list[int] = []

    @worker()
    async def busy(n: int) -> None:
        ran.append(n)
        autojump_clock.jump(0.01)

    async with working(redis, busy, consumers=4) as work:
        await work.push(busy, 4)
        while not ran:
            await trio.lowlevel.checkpoint()
        # One consumer pauses now, with the next job in hand.
        for consumer in work.crew.consumers:
            consumer.give_up()
        await trio.sleep(10)

        assert sorted(ran) == [0, 1, 2, 3]
        assert (await work.held(), await work.waiting()) == (0, [])


async def test_a_job_in_the_hands_of_a_consumer_that_pauses_is_not_begun_at_the_stop(
    autojump_clock: MockClock, redis: Redis
) -> None:
    ran: list[int] = []

    @worker()
    async def burning(n: int) -> None:
        ran.append(n)
        autojump_clock.jump(0.002)

    async with working(redis, burning, consumers=25) as work:
        await work.push(burning, 500)
        while len(ran) < 100:
            await trio.lowlevel.checkpoint()
        before = len(ran)
        work.crew.stop(deadline=trio.current_time() + 5)
        await trio.sleep(10)

        assert len(ran) == before
        assert sorted(await work.waiting()) == sorted({*range(500)} - {*ran})
        assert await work.held() == 0


async def test_a_run_that_does_not_hear_stops_no_other_consumer(
    autojump_clock: MockClock, redis: Redis
) -> None:
    ran: list[int] = []

    @worker()
    async def maybe_deaf(n: int) -> None:
        with trio.CancelScope(shield=n == 0):
            ran.append(n)
            await trio.sleep(60)

    async with working(redis, maybe_deaf, consumers=3) as work:
        await work.push(maybe_deaf, 1)
        await trio.sleep(5)
        work.crew.cancel_runs()
        hearing = Job(job_class="maybe_deaf", args=[1])
        await work.redis.raw("LPUSH", "queue:q", hearing.encode())
        await trio.sleep(5)
        assert ran == [0, 1]

        # Nor does it begin anything else where it was given up.
        await trio.sleep(120)
        assert await work.held() == 0


async def test_what_no_consumer_has_taken_comes_back_behind_what_still_ran(
    autojump_clock: MockClock, redis: Redis
) -> None:
    ran: list[int] = []

    async with working(redis, consumers=4) as work:

        @worker()
        async def stopping(n: int) -> None:
            ran.append(n)
            work.crew.stop(deadline=trio.current_time() + 5)
            await trio.sleep_forever()

        work.crew.consumers[0].runner.workers = {"stopping": stopping}
        await work.push(stopping, 4)
        await trio.sleep(10)

        assert ran == [0]
        assert (await work.held(), await work.waiting()) == (0, [0, 1, 2, 3])


async def test_a_consumer_that_did_not_hear_begins_nothing_before_its_new_life(
    autojump_clock: MockClock, redis: Redis
) -> None:
    ran: list[int] = []

    @worker()
    async def maybe_deaf(n: int) -> None:
        ran.append(n)
        with trio.CancelScope(shield=n == 0):
            await trio.sleep(60)

    async with working(redis, maybe_deaf, consumers=1) as work:
        await work.push(maybe_deaf, 1)
        await trio.sleep(5)
        work.crew.cancel_runs()
        # It is there when the deaf run ends.
        second = Job(job_class="maybe_deaf", args=[1]).encode()
        work.crew.slots.hand_over([Delivery("q.9.0", "q", second, "me")])
        await trio.sleep(300)

        assert ran == [0, 1]


async def test_what_a_fetch_took_whose_reply_was_lost_goes_back_at_the_stop(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    ran: list[int] = []

    @worker()
    async def note(n: int) -> None:
        ran.append(n)

    async with working(redis, note, consumers=4) as work:
        await work.push(note, 2)
        unkind.fate = lambda some: (
            "reply lost" if touches(some[0], "kiq:calls|me") else "delivered"
        )
        await trio.sleep(5)
        work.crew.stop(deadline=trio.current_time() + 5)
        # The fetch is given up after a second.
        await trio.sleep(2)
        unkind.fate = lambda _: "delivered"
        await trio.sleep(5)

        assert ran == []
        assert (await work.held(), await work.waiting()) == (0, [0, 1])


async def test_whoever_was_buried_does_not_begin_what_others_have_by_now(
    autojump_clock: MockClock, redis: Redis
) -> None:
    ran: list[int] = []

    async with working(redis, consumers=4) as work:

        @worker()
        async def note(n: int) -> None:
            ran.append(n)
            if len(ran) == 1:
                # Four were taken, and the others wait between producer and
                # consumers when it turns out that we are buried.
                work.crew.cancel_runs()
            await trio.sleep(1)

        work.crew.consumers[0].runner.workers = {"note": note}
        await work.push(note, 4)
        await trio.sleep(10)

        # The first was interrupted and ran anew; the rescuer has the others.
        assert ran == [0, 0]
        assert (await work.held(), await work.waiting()) == (3, [])
        await work.push(note, 2)
        await trio.sleep(10)
        assert sorted(ran[2:]) == [0, 1]


async def test_a_look_at_any_moment_finds_nothing_that_the_crew_does_not_know_of(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[int] = []

    @worker()
    async def busy(n: int) -> None:
        ran.append(n)
        autojump_clock.jump(0.003)
        if n % 5 == 0:
            await trio.lowlevel.checkpoint()

    async with working(redis, busy, consumers=8) as work:
        stocktaker = Stocktaker(
            redis, work.lease, [work.crew], work.ledger, work.settler, interval=1
        )
        await work.push(busy, 200)
        while len(ran) < 200:
            await stocktaker.look()
        await work.settler.drained()

    assert sorted(ran) == list(range(200))
    assert not caplog.messages
