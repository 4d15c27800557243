"""What a record says of a job, be it ours, Ruby's, or none."""

import base64
import json
import zlib

import pytest

from kiq_trio import Job, Kiq, Redis, api, worker
from kiq_trio._wire.seam import Server
from tests.journey.conftest import KiqMaker, Recorder
from tests.store.chores import lie_in, payload

WRAPPER = "Sidekiq::ActiveJob::Wrapper"


@worker(retry=3, backtrace=True, tags=["nightly"])
async def fall(_depth: int) -> None:
    raise ValueError("too deep")


async def record_of(redis: Redis, value: bytes) -> api.SortedEntry:
    await lie_in(redis, "retry", value)
    (entry,) = [job async for job in api.RetrySet(redis)]
    return entry


async def test_a_failed_job_of_ours_says_all_of_its_failure(
    autojump_clock: object, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[fall]) as kiq:
        await kiq.enqueue(fall.new(5))
        await recorder.heard("Failed")

        (job,) = [job async for job in api.RetrySet(kiq.redis)]

    assert job.display_class == job.klass == fall.name
    assert list(job.args) == job.display_args == [5]
    assert job.tags == ["nightly"]
    assert (job.error_class, job.error_message) == ("ValueError", "too deep")
    assert job.error_backtrace is not None
    assert job.error_backtrace[0].endswith("in fall")
    assert (job.retry_count, job.retried_at) == (0, None)
    assert job.failed_at is not None
    assert job.created_at is not None
    assert job.item["error_class"] == "ValueError"
    assert job.bid is None


async def test_a_job_of_an_old_sidekiq_says_its_times_in_seconds(redis: Redis) -> None:
    seconds = 1_700_000_000.5
    job = await record_of(
        redis, payload("a", created_at=seconds, enqueued_at=seconds + 1, bid="b")
    )

    assert (job.created_at, job.enqueued_at) == (seconds, seconds + 1)
    assert job.latency == job.seen_at - seconds - 1
    assert job.bid == "b"


@pytest.mark.parametrize("value", [b"nonsense", b"[1]", b"{}"])
async def test_what_is_no_job_says_nothing(redis: Redis, value: bytes) -> None:
    job = await record_of(redis, value)

    assert job.value == value
    assert job.job is None
    assert (job.jid, job.klass, job.display_class, job.queue) == ("", "", "", "")
    assert (job.args, job.display_args, job.tags, dict(job.item)) == ((), [], (), {})
    assert (job.created_at, job.error_class, job.error_backtrace) == (None, None, None)
    assert (job.retry_count, job.latency, job.is_error) == (None, 0.0, False)


def test_backtraces_of_any_sidekiq_are_read() -> None:
    lines = ["a.rb:1:in `run'", "b.rb:2"]
    packed = base64.b64encode(zlib.compress(json.dumps(lines).encode())).decode()
    old = "\n".join([packed[:20], packed[20:], ""])

    for stored in (lines, packed, old):
        assert read(error_backtrace=stored).error_backtrace == lines


@pytest.mark.parametrize(
    "stored", ["no base64!", "AAAA", 5, None, {}, base64.b64encode(b"x").decode()]
)
def test_a_backtrace_that_cannot_be_read_is_none(stored: object) -> None:
    assert read(error_backtrace=stored).error_backtrace is None


def test_a_backtrace_that_swells_without_end_is_none() -> None:
    bomb = base64.b64encode(zlib.compress(b" " * 2**23)).decode()

    assert read(error_backtrace=bomb).error_backtrace is None


@pytest.mark.parametrize(
    "wrapper", [WRAPPER, "ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper"]
)
def test_a_job_of_rails_is_unwrapped(wrapper: str) -> None:
    inner = {
        "job_class": "Report",
        "arguments": [
            {"_aj_globalid": "gid://app/User/1"},
            {"since": [1, {"_aj_symbol_keys": []}], "_aj_ruby2_keywords": ["since"]},
        ],
    }

    job = read(wrapper, args=[inner], wrapped="Report")

    assert job.display_class == read(wrapper, args=[inner]).display_class == "Report"
    assert job.display_args == ["gid://app/User/1", {"since": [1, {}]}]
    assert (job.klass, job.args) == (wrapper, [inner])


def test_a_mail_of_rails_is_named_by_what_it_is() -> None:
    mail = {"arguments": ["UserMailer", "welcome", "deliver_now", {"args": [1]}]}

    job = read(WRAPPER, args=[mail], wrapped="ActionMailer::MailDeliveryJob")

    assert job.display_class == "UserMailer#welcome"
    assert job.display_args == [None, [1]]


def test_parameters_of_a_mail_are_shown_beside_its_arguments() -> None:
    packed = {
        "args": [{"_aj_globalid": "gid://app/User/1"}],
        "params": {"locale": "de", "_aj_symbol_keys": ["locale"]},
        "_aj_ruby2_keywords": ["params", "args"],
    }
    mail = {"arguments": ["UserMailer", "welcome", "deliver_now", packed]}

    job = read(WRAPPER, args=[mail], wrapped="ActionMailer::MailDeliveryJob")

    assert job.display_args == [{"locale": "de"}, ["gid://app/User/1"]]


def test_a_mail_of_an_older_rails_has_its_arguments_in_the_open() -> None:
    mail = {"arguments": ["UserMailer", "welcome", "deliver_now", 1, {"a": 2}]}

    job = read(WRAPPER, args=[mail], wrapped="ActionMailer::DeliveryJob")

    assert job.display_class == "UserMailer#welcome"
    assert job.display_args == [1, {"a": 2}]


def test_an_old_envelope_names_the_class_alone() -> None:
    job = read(WRAPPER, args=["Old::Report"])

    assert (job.display_class, job.display_args) == ("Old::Report", [])


@pytest.mark.parametrize("args", [[], [1], [{"arguments": 5}]])
def test_an_envelope_without_a_letter_is_shown_as_it_is(args: list[object]) -> None:
    job = read(WRAPPER, args=args)

    assert (job.display_class, job.display_args) == (WRAPPER, [])


def test_a_class_to_show_goes_before_all_others() -> None:
    assert read(WRAPPER, display_class="Nightly").display_class == "Nightly"
    assert read("A", display_class=5).display_class == "A"


def test_the_encrypted_argument_is_not_shown() -> None:
    assert read(args=[1, "x"], encrypt=True).display_args == [1, "[encrypted data]"]
    assert read(args=[], encrypt=True).display_args == []


async def test_a_record_is_as_it_was_when_we_looked(server: Server) -> None:
    async with Kiq(redis_url=server, server=False, queues={"default": 1}) as kiq:
        stored = await kiq.enqueue({"class": "Mailer", "args": [1]})
        (job,) = [job async for job in api.Queue(kiq.redis)]

    assert job.job == stored
    assert job.value == stored.encode()
    assert 0 <= job.latency < 30
    assert "Mailer" in repr(job)


def read(job_class: str = "Mailer", **fields: object) -> api.JobRecord:
    value = payload("a", job_class, **fields)
    job = Job.decode(value)
    return api.JobRecord(value=value, job=job, queue="mail", seen_at=0.0)
