"""Reporters of a whole Kiq: what they miss is known, and what they need is open."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from trio.testing import MockClock

from kiq_trio import Kiq, Reporter, worker
from kiq_trio.events import Event, Failed
from tests.journey.conftest import KiqMaker, Recorder


@worker(retry=False)
async def greet(name: str) -> None:
    if name == "nobody":
        raise ValueError("nobody is there")


class Weak(Reporter):
    """Raises once, and keeps a diary."""

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.is_weak = True

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self.diary.append("open")
        yield
        self.diary.append("close")

    async def handle_events(self, events: Sequence[Event]) -> None:
        if self.is_weak:
            self.is_weak = False
            raise OSError("disk full")
        await super().handle_events(events)

    async def handle_failure(self, job: object, outcome: Failed) -> None:
        trace = outcome.traceback
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        assert trace is not None
        self.diary.append(trace.tb_frame.f_code.co_name)


async def test_what_a_reporter_misses_is_counted(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    weak = Weak()
    async with make_kiq(workers=[greet], extra_reporters=[weak]) as kiq:
        await kiq.enqueue(greet.new("A"))
        await recorder.heard("Succeeded")
        await kiq.wait_idle()
        lost = kiq.count_lost_events(weak)

        await kiq.enqueue(greet.new("nobody"))
        await recorder.heard("Failed")

        assert lost >= 1
        assert kiq.count_lost_events() == kiq.count_lost_events(weak) == lost
        assert kiq.count_lost_events(recorder) == 0
    assert weak.diary == ["open", "open", "greet", "close"]


async def test_a_client_tells_nobody_and_loses_nothing(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False) as kiq:
        assert kiq.count_lost_events() == 0


async def test_a_handler_may_be_attached_while_jobs_run(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    names: list[str] = []
    async with make_kiq(workers=[greet]) as kiq:
        await kiq.enqueue(greet.new("A"))
        await recorder.heard("Succeeded")
        kiq.instrumenter.attach(
            ("kiq", "job", "success"), lambda name, *_: names.append(name[-1])
        )
        await kiq.enqueue(greet.new("B"))
        await recorder.heard("Succeeded", 2)
        await kiq.wait_idle()

    assert names == ["success"]
    assert kiq.stats.snapshot()["succeeded"] == {"greet": 2}


@pytest.mark.parametrize(
    ("log_format", "start"), [("json", '{"source":"kiq"'), ("human", "greet ")]
)
async def test_the_lines_about_jobs_are_for_machines_or_for_people(
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    log_format: str,
    start: str,
) -> None:
    caplog.set_level(logging.INFO, logger="kiq_trio.jobs")
    async with Kiq(
        redis_url="memory://", workers=[greet], log_format=log_format
    ) as kiq:
        await kiq.enqueue(greet.new("the secret"))
        await kiq.wait_idle()

    lines = [line.getMessage() for line in caplog.records if line.name.endswith("jobs")]
    assert len(lines) == 2
    assert all(line.startswith(start) for line in lines)
    assert "secret" not in caplog.text


async def test_a_handler_that_comes_late_hears_of_the_very_next_job(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    heard: list[str] = []
    async with make_kiq(workers=[greet]) as kiq:
        kiq.instrumenter.attach(
            ("kiq", "job", "*"), lambda name, *_: heard.append(name[-1])
        )

        await kiq.enqueue(greet.new("A"))
        await kiq.wait_idle()

    assert heard == ["started", "success"]
