"""Reporters are guests: what they do cannot break the house, nor delay it."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._background import background
from kiq_trio._pipeline.broadcast import Broadcast
from kiq_trio._pipeline.mailbox import MAILBOX_LIMIT, Mailbox
from kiq_trio._reporters.logger import Logger
from kiq_trio.events import (
    KINDS,
    Ended,
    Event,
    Failed,
    Interrupted,
    Outcome,
    Started,
    Succeeded,
)
from kiq_trio.job import Job
from kiq_trio.reporter import Reporter


class Ears(Reporter):
    """Remembers the jids it was told, and can be made to misbehave."""

    def __init__(self, *kinds: type) -> None:
        self.kinds = frozenset(kinds) or KINDS
        self.heard: list[str] = []
        self.batches = 0
        self.crashes = 0
        self.takes = 0.0

    def interests(self) -> frozenset[type]:
        return self.kinds

    async def handle_events(self, events: Sequence[Event]) -> None:
        await trio.sleep(self.takes)
        if self.crashes:
            self.crashes -= 1
            raise ValueError("no ears")
        self.batches += 1
        self.heard += [event.job.jid for event in events]


@asynccontextmanager
async def telling(*reporters: Reporter) -> AsyncIterator[Broadcast]:
    broadcast = Broadcast([Mailbox(reporter) for reporter in reporters])
    async with background(broadcast.run):
        yield broadcast


def started(number: int) -> Started:
    return Started(Job(job_class="A", jid=str(number)))


def ended(number: int) -> Ended:
    return Ended(Job(job_class="A", jid=str(number)), Succeeded(0.0))


async def test_every_reporter_hears_of_everything_in_order_and_in_batches(
    autojump_clock: MockClock,
) -> None:
    one, two = Ears(), Ears()
    async with telling(one, two) as broadcast:
        for n in range(100):
            broadcast.tell(started(n))
        await wait_all_tasks_blocked()

    assert one.heard == two.heard == [str(n) for n in range(100)]
    assert one.batches == 1


async def test_a_reporter_is_told_only_what_interests_it(
    autojump_clock: MockClock,
) -> None:
    all_ears, some = Ears(), Ears(Succeeded)
    async with telling(all_ears, some) as broadcast:
        broadcast.tell(started(1))
        await wait_all_tasks_blocked()
        broadcast.tell(started(2))
        broadcast.tell(ended(3))
        await wait_all_tasks_blocked()

    assert all_ears.heard == ["1", "2", "3"]
    assert (some.heard, some.batches) == (["3"], 1)


async def test_only_what_interests_anybody_is_wanted(
    autojump_clock: MockClock,
) -> None:
    async with telling(Ears(Succeeded), Ears(Failed, Succeeded)) as broadcast:
        assert broadcast.wanted == {Succeeded, Failed}


async def test_one_that_raises_is_logged_and_hears_what_comes_later(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    weak, strong = Ears(), Ears()
    weak.crashes = 3
    async with telling(weak, strong) as broadcast:
        for n in range(6):
            broadcast.tell(started(n))
            await trio.sleep(10)

    assert strong.heard == ["0", "1", "2", "3", "4", "5"]
    assert weak.heard == ["3", "4", "5"]
    assert caplog.text.count("ValueError: no ears") == 3


async def test_one_that_keeps_raising_is_left_alone_for_longer_and_longer(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    weak = Ears()
    weak.crashes = 10**9
    async with telling(weak) as broadcast:
        for n in range(600):
            broadcast.tell(started(n))
            await trio.sleep(0.1)

    assert 10 < caplog.text.count("ValueError: no ears") < 20


async def test_one_that_lags_loses_events_which_is_counted_and_logged_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    slow, quick = Ears(), Ears()
    slow.takes = 1e6
    broadcast = Broadcast([Mailbox(slow), Mailbox(quick)])
    async with background(broadcast.run):
        for n in range(MAILBOX_LIMIT + 11):
            broadcast.tell(started(n))
            await wait_all_tasks_blocked()
        lagging, _ = broadcast.mailboxes

        assert len(quick.heard) == MAILBOX_LIMIT + 11
        assert lagging.lost == 10
        assert caplog.text.count("lags: it loses events") == 1


async def test_closing_waits_until_everybody_has_heard_everything(
    autojump_clock: MockClock,
) -> None:
    slow, quick = Ears(), Ears()
    slow.takes = 30.0
    async with telling(slow, quick) as broadcast:
        broadcast.tell(started(1))
        await wait_all_tasks_blocked()
        broadcast.tell(started(2))
        began = trio.current_time()

        broadcast.close()
        await broadcast.wait_heard()

        assert trio.current_time() - began == 60
    assert slow.heard == quick.heard == ["1", "2"]


async def test_a_log_level_that_changes_is_noticed(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = logging.getLogger("kiq_trio.jobs")
    caplog.set_level(logging.INFO, logger=jobs.name)
    jobs.setLevel(logging.WARNING)
    async with telling(Logger(), Ears(Succeeded)) as broadcast:
        assert Started not in broadcast.wanted
        jobs.setLevel(logging.INFO)
        broadcast.tell(ended(1))
        await wait_all_tasks_blocked()

        assert Started in broadcast.wanted
        broadcast.tell(started(2))
        await wait_all_tasks_blocked()
        jobs.setLevel(logging.ERROR)
        broadcast.tell(ended(3))
        await wait_all_tasks_blocked()

        assert broadcast.wanted == {Succeeded}
    assert caplog.text.count("job_started") == 1


async def test_interests_that_cannot_be_had_are_logged_and_taken_for_none(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Confused(Ears):
        def interests(self) -> NoReturn:
            raise ValueError("what do I want?")

    confused, fine = Confused(), Ears()
    async with telling(confused, fine) as broadcast:
        for n in range(3):
            broadcast.tell(started(n))
            await wait_all_tasks_blocked()

    assert fine.heard == ["0", "1", "2"]
    assert confused.heard == []
    assert caplog.text.count("ValueError: what do I want?") == 1


async def test_the_default_reporter_sorts_events_for_its_subclasses(
    autojump_clock: MockClock,
) -> None:
    told: list[str] = []

    class Sorted(Reporter):
        async def handle_started(self, job: Job) -> None:
            told.append("started")

        async def handle_success(self, job: Job, outcome: Succeeded) -> None:
            told.append(f"success {outcome.took}")

        async def handle_failure(self, job: Job, outcome: Failed) -> None:
            told.append(f"failure {outcome.error!r}")

        async def handle_interrupted(self, job: Job, outcome: Interrupted) -> None:
            told.append("interrupted")

        async def handle_stopped(self, job: Job) -> None:
            told.append("stopped")

    job = Job(job_class="A")
    outcomes: list[Outcome] = [
        Succeeded(1.0),
        Failed(KeyError(), 2.0),
        Interrupted(3.0),
    ]

    await Sorted().handle_events([Started(job), *(Ended(job, o) for o in outcomes)])

    assert told == [
        "started",
        "success 1.0",
        "stopped",
        "failure KeyError()",
        "stopped",
        "interrupted",
        "stopped",
    ]


class Fragile(Ears):
    """Opens and closes, and fails at it if told to."""

    def __init__(self) -> None:
        super().__init__()
        self.diary: list[str] = []
        self.misses = 0
        self.lost: list[int] = []

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        if self.misses:
            self.misses -= 1
            raise OSError("no connection")
        self.diary.append("open")
        try:
            yield
        finally:
            self.diary.append("close")

    async def handle_events(self, events: Sequence[Event]) -> None:
        await super().handle_events(events)
        self.diary += [event.job.jid for event in events]

    async def handle_lost(self, count: int) -> None:
        self.lost.append(count)


async def test_what_a_reporter_needs_is_open_while_it_listens(
    autojump_clock: MockClock,
) -> None:
    fragile = Fragile()
    async with telling(fragile) as broadcast:
        broadcast.tell(started(1))
        await wait_all_tasks_blocked()
        broadcast.tell(started(2))
        broadcast.close()
        await broadcast.wait_heard()

    assert fragile.diary == ["open", "1", "2", "close"]
    assert fragile.lost == []


async def test_one_that_raises_is_closed_and_opened_again(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    fragile = Fragile()
    fragile.crashes = 1
    async with telling(fragile) as broadcast:
        for n in range(3):
            broadcast.tell(started(n))
            await trio.sleep(10)

        assert fragile.diary == ["open", "close", "open", "1", "2"]
        assert broadcast.count_lost(fragile) == broadcast.count_lost() == 1
        assert broadcast.count_lost(Ears()) == 0
    assert fragile.lost == [1]
    assert "raised: it goes on in 0.2 s, and has lost 1 events" in caplog.text
    assert "goes on: it lost 1" in caplog.text


async def test_events_wait_for_one_that_cannot_be_opened_yet(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    fragile = Fragile()
    fragile.misses = 5
    async with telling(fragile) as broadcast:
        broadcast.tell(started(1))
        await trio.sleep(60)

        assert fragile.diary == ["open", "1"]
        assert broadcast.count_lost() == 0
    assert caplog.text.count("OSError: no connection") == 5


async def test_at_the_end_nobody_waits_for_one_that_cannot_be_opened(
    autojump_clock: MockClock,
) -> None:
    fragile = Fragile()
    fragile.misses = 10**9
    async with telling(fragile) as broadcast:
        broadcast.tell(started(1))
        await trio.sleep(60)
        broadcast.tell(started(2))
        broadcast.close()
        await broadcast.wait_heard()

        assert broadcast.count_lost() == 2
    assert trio.current_time() < 60 + 6


async def test_one_that_raises_at_the_end_is_told_the_rest_all_the_same(
    autojump_clock: MockClock,
) -> None:
    fragile = Fragile()
    fragile.crashes = 1
    async with telling(fragile) as broadcast:
        broadcast.tell(started(1))
        await wait_all_tasks_blocked()
        broadcast.tell(started(2))
        broadcast.close()
        await broadcast.wait_heard()

    assert fragile.heard == ["2"]
    assert fragile.diary[-1] == "close"


async def test_one_whose_closing_raises_is_over_all_the_same(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Leaky(Fragile):
        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            yield
            raise OSError("not flushed")

    leaky = Leaky()
    async with telling(leaky) as broadcast:
        broadcast.tell(started(1))
        broadcast.close()
        await broadcast.wait_heard()

    assert leaky.heard == ["1"]
    assert caplog.text.count("OSError: not flushed") == 1


async def test_a_task_of_a_reporters_own_that_raises_is_its_own_fault(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Busy(Fragile):
        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.upload)
                yield
                nursery.cancel_scope.cancel()

        async def upload(self) -> None:
            await trio.sleep(5)
            self.diary.append("upload")
            raise OSError("upload failed")

    busy, strong = Busy(), Ears()
    async with telling(busy, strong) as broadcast:
        for n in range(3):
            broadcast.tell(started(n))
            await trio.sleep(4)

    assert busy.heard == strong.heard == ["0", "1", "2"]
    assert "OSError: upload failed" in caplog.text


async def test_one_that_lags_is_told_what_it_lost_where_it_is_missing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Fragile()
    slow.takes = 1.0
    async with telling(slow) as broadcast:
        for n in range(MAILBOX_LIMIT + 11):
            broadcast.tell(started(n))
            await wait_all_tasks_blocked()
        await trio.sleep(100)
        # Not yet: it has half of them to work off first.
        broadcast.tell(started(-1))
        await trio.sleep(500)
        broadcast.tell(started(-2))
        await trio.sleep(1_000)

        assert slow.lost == [11]
        assert slow.heard[-2:] == [str(MAILBOX_LIMIT), "-2"]
        assert broadcast.count_lost(slow) == 11
    assert caplog.text.count("lags: it loses events") == 1
    assert caplog.text.count("takes events again: it lost 11") == 1


async def test_one_that_lags_until_the_end_is_told_at_the_end(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Fragile()
    slow.takes = 1.0
    async with telling(slow) as broadcast:
        for n in range(MAILBOX_LIMIT + 11):
            broadcast.tell(started(n))
            await wait_all_tasks_blocked()
        broadcast.close()
        await broadcast.wait_heard()

    assert slow.lost == [10]
    assert caplog.text.count("takes events again: it lost 10") == 1
