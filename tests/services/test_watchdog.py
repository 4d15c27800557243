"""A job that blocks the loop is named, and in the end given up with its process."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

from kiq_trio import worker
from kiq_trio._background import background
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.runner import Runner
from kiq_trio._services.watchdog import Watchdog
from kiq_trio.worker import AnyWorker

BLOCKED_AFTER = 0.06

# They block for real, since a thread does not know Trio's mock clock.
pytestmark = pytest.mark.slow


@worker()
async def rude(seconds: float) -> None:
    time.sleep(seconds)  # noqa: ASYNC251 - that is the point.


class Guard:
    """Looks from a thread, as the beating thread does."""

    def __init__(self, watchdog: Watchdog) -> None:
        self.watchdog = watchdog
        self.answers: list[bool] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        stop = threading.Event()

        def look() -> None:
            while not stop.wait(self.watchdog.interval / 4):
                self.answers.append(self.watchdog.look())

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


async def block(
    watchdog: Watchdog, seconds: float, culprit: AnyWorker = rude
) -> tuple[Guard, str]:
    """Let a job block the loop; return what was seen, and the job's jid."""
    runner = Runner(
        workers={"rude": culprit},
        lease=Lease(),
        threads=trio.CapacityLimiter(1),
        clock=trio.current_time,
    )
    job = rude.new(seconds)
    guard = Guard(watchdog)

    async def tick(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await watchdog.tick_forever()

    async with background(tick):
        await trio.lowlevel.checkpoint()
        with guard.watching():
            await runner.run(type(job)(job_class="rude", args=[seconds], jid="j-1"), 0)
            await trio.sleep(2 * BLOCKED_AFTER)
    return guard, "j-1"


async def test_the_job_that_blocks_is_named_once_with_its_stack(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watchdog = Watchdog(blocked_after=BLOCKED_AFTER, blocked_limit=900)

    guard, jid = await block(watchdog, 0.25)

    warnings = [one.getMessage() for one in caplog.records]
    assert len(warnings) == 2, warnings
    assert f"job {jid} (rude) has blocked the event loop" in warnings[0]
    assert "time.sleep(seconds)" in warnings[0]
    assert warnings[1] == "the event loop runs again"
    assert all(guard.answers), "we beat all the same"


@worker(name="rude")
async def nested(seconds: float) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rude, seconds)


async def test_a_job_is_named_if_a_task_of_its_own_blocks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watchdog = Watchdog(blocked_after=BLOCKED_AFTER, blocked_limit=900)

    await block(watchdog, 0.25, nested)

    warnings = [one.getMessage() for one in caplog.records]
    assert "job j-1 (rude) has blocked the event loop" in warnings[0]


async def test_after_the_limit_we_stop_beating_until_the_loop_runs_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watchdog = Watchdog(blocked_after=BLOCKED_AFTER, blocked_limit=0.12)

    guard, _ = await block(watchdog, 0.3)

    assert False in guard.answers
    assert guard.answers[0]
    assert guard.answers[-1]
    critical = [one for one in caplog.records if one.levelno == logging.CRITICAL]
    assert len(critical) == 1
    assert "we stop beating" in critical[0].getMessage()


async def test_a_loop_that_runs_is_not_complained_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watchdog = Watchdog(blocked_after=10, blocked_limit=900)

    guard, _ = await block(watchdog, 0.01)

    assert all(guard.answers)
    assert caplog.records == []


async def test_what_is_no_job_is_shown_without_a_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watchdog = Watchdog(blocked_after=BLOCKED_AFTER, blocked_limit=900)
    with Guard(watchdog).watching():
        time.sleep(2 * BLOCKED_AFTER)  # noqa: ASYNC251 - that is the point.

    assert "something that is no job" in caplog.text
    assert "ASYNC251 - that is the point" in caplog.text


def test_a_loop_that_is_gone_has_no_stack(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(blocked_after=1e-9, blocked_limit=900)
    watchdog._loop_thread = -1
    time.sleep(0.001)

    watchdog.look()

    assert "(no stack)" in caplog.text
