"""Whom a failed job's owner wants to be asked or told is asked or told, once."""

import logging
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from kiq_trio import DISCARD, KILL, Job, worker
from kiq_trio._pipeline.failing import Failures
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import Ack, Kill, Later, Retry, Settlement
from kiq_trio.errors import UnknownWorkerError
from kiq_trio.events import Aborted, Failed, Outcome, Snoozed
from kiq_trio.verdicts import Discard
from kiq_trio.worker import AnyWorker

NOW = 1_800_000_000.0
BOOM = ValueError("boom")


@attrs.define
class Diary:
    """Who was called with which job and error."""

    lines: list[tuple[str, Job, BaseException]] = attrs.Factory(list)

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.lines]

    async def died(self, job: Job, error: BaseException) -> None:
        await trio.lowlevel.checkpoint()
        self.lines.append(("died", job, error))

    def exhausted(self, job: Job, error: BaseException) -> None:
        self.lines.append(("exhausted", job, error))


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def settle(
    diary: Diary,
    one: AnyWorker,
    outcome: Outcome | None = None,
    *,
    on_death: Any = (),
    **fields: Any,
) -> Settlement:
    failures = Failures(
        workers={one.name: one},
        on_death=[diary.died, *on_death],
        now=lambda: NOW,
        random=lambda: 0.0,
    )
    job = one.new().set(jid="1", **fields)
    delivery = Delivery("default.1.0", "default", job.encode(), "me")
    return await failures.settle(delivery, outcome or Failed(BOOM, 0.1))


def make(diary: Diary, **options: Any) -> AnyWorker:
    @worker(**{"on_exhausted": diary.exhausted, **options})
    async def work() -> None: ...

    return work


async def test_a_job_that_is_retried_is_nobodys_business(diary: Diary) -> None:
    assert isinstance(await settle(diary, make(diary)), Retry)
    assert diary.names == []


async def test_the_exhausted_are_told_of_and_then_the_dead(diary: Diary) -> None:
    settlement = await settle(diary, make(diary, retry=0))

    assert isinstance(settlement, Kill)
    assert diary.names == ["exhausted", "died"]
    assert {error for _, _, error in diary.lines} == {BOOM}
    assert diary.lines[1][1].rest["error_message"] == "boom"


async def test_what_is_exhausted_may_be_kept_out_of_the_dead_set(diary: Diary) -> None:
    one = make(diary, retry=0, on_exhausted=lambda job, error: DISCARD)

    assert await settle(diary, one) == Ack()
    assert diary.names == ["died"]


@pytest.mark.parametrize(
    ("options", "called"),
    [
        ({"retry": False}, ["died"]),
        ({"retry": 0, "dead": False}, ["exhausted", "died"]),
        ({"retry_in": lambda *_: KILL, "dead": False}, ["exhausted", "died"]),
        ({"retry_in": lambda *_: DISCARD}, ["died"]),
    ],
)
async def test_a_job_that_ends_for_good_is_mourned_wherever_it_goes(
    diary: Diary, options: dict[str, Any], called: list[str]
) -> None:
    assert await settle(diary, make(diary, **options)) == Ack()
    assert diary.names == called


async def test_a_worker_may_kill_its_job(diary: Diary) -> None:
    one = make(diary, retry_in=lambda *_: KILL)

    assert isinstance(await settle(diary, one), Kill)
    assert diary.names == ["exhausted", "died"]


async def test_of_an_unknown_worker_only_the_dead_are_told(diary: Diary) -> None:
    error = UnknownWorkerError("other")

    settlement = await settle(
        diary, make(diary), Failed(error, 0.0), job_class="other", retry=0
    )

    assert isinstance(settlement, Kill)
    assert diary.names == ["died"]


async def test_a_discarded_job_is_mourned_and_a_cancelled_one_is_not(
    diary: Diary,
) -> None:
    one = make(diary)

    assert await settle(diary, one, Aborted("discarded", 0.1, "no user")) == Ack()
    assert await settle(diary, one, Aborted("cancelled", 0.1, "")) == Ack()
    assert await settle(diary, one, Aborted("expired")) == Ack()
    assert isinstance(await settle(diary, one, Snoozed(60, 0.1)), Later)

    assert diary.names == ["died"]
    [(_, _, error)] = diary.lines
    assert isinstance(error, Discard)
    assert error.reason == "no user"


async def test_the_delay_is_the_workers_to_say(diary: Diary) -> None:
    asked: list[tuple[int, BaseException, str]] = []

    def retry_in(count: int, error: BaseException, job: Job) -> float:
        asked.append((count, error, job.jid))
        return 90.5

    one = make(diary, retry_in=retry_in)
    first = await settle(diary, one)
    second = await settle(diary, one, retry_count=3)

    assert isinstance(first, Retry)
    assert isinstance(second, Retry)
    assert (first.at, second.at) == (NOW + 90.5, NOW + 90.5)
    assert asked == [(0, BOOM, "1"), (4, BOOM, "1")]


async def test_it_is_not_asked_once_the_retries_are_used_up(diary: Diary) -> None:
    def never(*_: Any) -> float:
        raise AssertionError

    assert isinstance(await settle(diary, make(diary, retry=0, retry_in=never)), Kill)


@pytest.mark.parametrize("answer", [0, -1, True, "60", float("nan"), 1e300, [1]])
async def test_an_answer_that_is_none_means_the_usual_delay(
    diary: Diary, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settlement = await settle(diary, make(diary, retry_in=lambda *_: answer))

    assert isinstance(settlement, Retry)
    assert settlement.at == NOW + 15
    assert "the usual delay is taken" in caplog.text


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
async def test_a_question_that_raises_means_the_usual_delay(
    diary: Diary, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    def raises(*_: Any) -> float:
        raise error

    one = make(diary, retry_in=raises)

    settlement = await settle(diary, one)

    assert isinstance(settlement, Retry)
    assert settlement.at == NOW + 15
    assert "retry_in of <Worker work> raised" in caplog.text


async def test_to_answer_nothing_is_to_have_no_wish(
    diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    settlement = await settle(diary, make(diary, retry_in=lambda *_: None))

    assert isinstance(settlement, Retry)
    assert settlement.at == NOW + 15
    assert caplog.text == ""


async def test_who_raises_changes_nothing_and_silences_nobody(
    diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    def rude(job: Job, error: BaseException) -> None:
        raise SystemExit

    one = make(diary, retry=0, on_exhausted=rude)

    settlement = await settle(diary, one, on_death=[rude, diary.died])

    assert isinstance(settlement, Kill)
    assert diary.names == ["died", "died"]
    assert caplog.text.count("raised for job 1") == 2


async def test_a_stop_that_cuts_somebody_off_does_not_change_where_the_job_goes(
    autojump_clock: MockClock, diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    async def slow(job: Job, error: BaseException) -> None:
        await trio.sleep_forever()

    one = make(diary, retry=0, on_exhausted=slow)
    with trio.move_on_after(1), caplog.at_level(logging.WARNING):
        settlement = await settle(diary, one)

    assert isinstance(settlement, Kill)
    assert "was cut off for job 1" in caplog.text


async def test_ctrl_c_in_there_is_still_the_users(diary: Diary) -> None:
    def interrupted(job: Job, error: BaseException) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await settle(diary, make(diary, retry=0, on_exhausted=interrupted))


async def test_what_could_not_be_read_back_is_kept_as_it_is(
    diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    deep = b'{"class":"work","args":' + b"[" * 120 + b"]" * 120 + b"}"
    failures = Failures({}, [], lambda: NOW, lambda: 0.0)

    settlement = await failures.settle(
        Delivery("default.1.0", "default", deep, "me"), Failed(BOOM, 0.1)
    )

    assert settlement == Kill(NOW, deep)
    assert "cannot be stored again as it is" in caplog.text
