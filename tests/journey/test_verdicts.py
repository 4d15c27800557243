"""Jobs that end otherwise than done or failed, from `enqueue` to where they end."""

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Cancel, Discard, Job, Snooze, Verdict, worker
from kiq_trio.events import Aborted, Ended, Snoozed
from tests.conftest import EPOCH
from tests.journey.conftest import KiqMaker, Recorder, places


def outcome_of(event: Any) -> Any:
    assert isinstance(event, Ended)
    return event.outcome


async def test_a_snoozed_job_runs_again_later_and_counts_no_retry(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    runs: list[float] = []

    @worker(retry=0)
    async def patient() -> Verdict | None:
        runs.append(trio.current_time())
        return Snooze(600) if len(runs) < 3 else None

    async with make_kiq(workers=[patient]) as kiq:
        await kiq.enqueue(patient.new())
        snoozed = await recorder.heard("Snoozed")
        [waiting] = (await places(kiq))["schedule"]
        await recorder.heard("Succeeded")
        assert await places(kiq) == {}

    assert [later - runs[0] for later in runs] == pytest.approx([0, 600, 1200], abs=1)
    assert outcome_of(snoozed) == Snoozed(600, outcome_of(snoozed).took)
    assert json.loads(waiting).keys().isdisjoint({"enqueued_at", "retry_count"})


async def test_jobs_of_one_payload_can_all_be_put_off(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    left = 4

    @worker()
    async def patient() -> None:
        nonlocal left
        left -= 1
        if left >= 2:
            raise Snooze(600)

    async with make_kiq(workers=[patient]) as kiq:
        same = Job(job_class="patient", jid="same").encode()
        await kiq.redis.raw("LPUSH", "queue:default", same, same)
        await recorder.heard("Snoozed", 2)
        assert len((await places(kiq))["schedule"]) == 2
        await recorder.heard("Succeeded", 2)


async def test_discarded_and_cancelled_jobs_are_done_with_and_say_why(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    deaths: list[tuple[str, str]] = []

    @worker()
    async def picky(verdict: str) -> None:
        raise {"discard": Discard, "cancel": Cancel}[verdict]("not today")

    def died(job: Job, error: BaseException) -> None:
        deaths.append((job.args[0], str(error)))

    async with make_kiq(workers=[picky], on_death=[died]) as kiq:
        await kiq.enqueue_many([picky.new("discard"), picky.new("cancel")])
        await kiq.wait_idle()
        await recorder.heard("Aborted", 2)
        assert await places(kiq) == {}

    ends = [e.outcome for e in recorder.events if isinstance(e, Ended)]
    assert [(end.reason, end.detail) for end in ends if isinstance(end, Aborted)] == [
        ("discarded", "not today"),
        ("cancelled", "not today"),
    ]
    assert deaths == [("discard", "not today")]


async def test_an_expired_job_does_not_even_start(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    @worker(expires_in=60)
    async def news() -> None: ...

    async with make_kiq(server=False) as client:
        late = await client.enqueue(news.new())
        planned = await client.enqueue(news.new(), in_=90)
        await trio.sleep(61)

    async with make_kiq(workers=[news]) as kiq:
        aborted = await recorder.heard("Aborted")
        await recorder.heard("Succeeded")
        assert await places(kiq) == {}

    assert late.expires_at == pytest.approx(EPOCH + 60, abs=1)
    assert planned.expires_at == pytest.approx(EPOCH + 150, abs=1)
    assert isinstance(aborted, Ended)
    assert (aborted.job.jid, aborted.outcome) == (late.jid, Aborted("expired"))
    assert recorder.started() == [planned.jid]


async def test_a_flood_of_expired_jobs_is_worked_off(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(queues={"default": 1}) as kiq:
        stale = [{"class": "news", "args": [n], "expires_at": 1} for n in range(500)]
        await kiq.enqueue_many(stale)
        await kiq.wait_idle()
        await recorder.heard("Aborted", 500)

    assert recorder.names == ["Aborted"] * 500


async def test_a_stop_waits_for_a_last_word_only_until_its_deadline(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async def slow(job: Job, error: BaseException) -> None:
        await trio.sleep_forever()

    @worker(retry=0, on_exhausted=slow)
    async def wrong() -> None:
        raise ValueError

    async with make_kiq(workers=[wrong], shutdown_timeout=5) as kiq:
        await kiq.enqueue(wrong.new())
        await trio.sleep(1)
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(5, abs=1)

    async with make_kiq(server=False) as kiq:
        assert list(await places(kiq)) == ["dead"]
