"""One line of JSON for each thing that happens to a job, in Kiq's fields."""

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
import trio

from kiq_trio import worker
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.runner import Runner
from kiq_trio._pipeline.settlement import record_failure
from kiq_trio._reporters.logger import Logger
from kiq_trio._reporters.tracebacks import TEXT_LIMIT
from kiq_trio.config import LogFormat
from kiq_trio.events import (
    KINDS,
    Aborted,
    Ended,
    Event,
    Failed,
    Interrupted,
    Snoozed,
    Started,
    Succeeded,
)
from kiq_trio.job import Job

JOB = Job(
    job_class="Mailer",
    args=["secret"],
    jid="j-1",
    queue="mail",
    rest={"retry_count": 3},
)
BASE = {"source": "kiq", "jid": "j-1", "queue": "mail", "worker": "Mailer"}


class RudeError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="kiq_trio.jobs")
    return caplog


async def write(caplog: pytest.LogCaptureFixture, event: Event) -> tuple[str, Any]:
    await Logger().handle_events([event])
    [record] = caplog.records
    return record.levelname, json.loads(record.getMessage())


async def test_a_start_is_told(lines: pytest.LogCaptureFixture) -> None:
    assert await write(lines, Started(JOB)) == (
        "INFO",
        {**BASE, "event": "job_started"},
    )


@pytest.mark.parametrize(
    ("outcome", "level", "fields"),
    [
        (Succeeded(0.01234567), "INFO", {"event": "job_success", "timing": 0.012346}),
        (Interrupted(2.0), "INFO", {"event": "job_interrupted", "timing": 2.0}),
        (
            Aborted("expired"),
            "WARNING",
            {"event": "job_aborted", "timing": 0.0, "reason": "expired"},
        ),
        (
            Aborted("discarded", 0.5, "no such user \ud800"),
            "WARNING",
            {
                "event": "job_aborted",
                "timing": 0.5,
                "reason": "discarded",
                "detail": "no such user ?",
            },
        ),
        (
            Snoozed(60, 0.5),
            "INFO",
            {"event": "job_snoozed", "timing": 0.5, "seconds": 60},
        ),
        (
            Failed(ValueError("no\nsuch"), 1.5),
            "WARNING",
            {
                "event": "job_failure",
                "timing": 1.5,
                "error": "ValueError",
                "message": "ValueError: no\nsuch",
                "retry_count": 4,
                "traceback": "ValueError: no\nsuch",
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_end_is_told_with_its_time_and_reason(
    lines: pytest.LogCaptureFixture, outcome: Any, level: str, fields: dict[str, Any]
) -> None:
    assert await write(lines, Ended(JOB, outcome)) == (level, {**BASE, **fields})


async def test_a_line_is_one_line_and_holds_no_arguments(
    lines: pytest.LogCaptureFixture,
) -> None:
    await Logger().handle_events([Ended(JOB, Failed(ValueError("a\nb\r\u2028"), 0.0))])

    [record] = lines.records
    assert len(record.getMessage().split("\n")) == 1
    assert "secret" not in record.getMessage()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("\ud800"), "ValueError: ?"),
        (RudeError(), "RudeError: <exception str() failed>"),
        (ValueError("x" * 100_000), "ValueError: x"),
        (ExceptionGroup("several", [KeyError("a")]), "ExceptionGroup: several"),
    ],
    ids=["surrogate", "rude", "long", "group"],
)
async def test_whatever_an_error_says_fits_into_a_line(
    lines: pytest.LogCaptureFixture, error: Exception, said: str
) -> None:
    _, fields = await write(lines, Ended(JOB, Failed(error, 0.0)))

    assert said in fields["message"]
    assert len(fields["message"]) <= 4_096
    assert len(fields["traceback"]) <= TEXT_LIMIT


@pytest.mark.parametrize(
    ("before", "after"), [(None, 0), (0, 1)], ids=["first", "second"]
)
async def test_a_failure_is_counted_as_its_payload_counts_it(
    lines: pytest.LogCaptureFixture, before: int | None, after: int
) -> None:
    failed = Failed(ValueError("no"), 0.0)
    job = JOB.set(retry_count=before)

    _, fields = await write(lines, Ended(job, failed))

    assert fields["retry_count"] == after
    assert record_failure(job, failed.error, 0.0).retry_count == after


async def fail_for(secret: str) -> None:
    local = secret.upper()
    raise LookupError(len(local))


def fail_in_a_thread(secret: str) -> None:
    raise LookupError(secret[99])


async def fail_with_a_cause(secret: str) -> None:
    try:
        await fail_for(secret)
    except LookupError as error:
        raise ValueError("no luck") from error


async def fail_for_long(secret: str) -> None:
    try:
        await fail_for(secret)
    finally:
        raise ValueError("x" * 100_000)


async def fail_deep(secret: str) -> None:
    if len(secret) < 900:
        await fail_deep(secret + "x")
    await fail_for(secret)


FAILING = (fail_for, fail_in_a_thread, fail_with_a_cause, fail_for_long, fail_deep)


async def end_of(function: Callable[..., Any]) -> Ended:
    """Run a job as it is run, and return how it ended."""
    made = worker()(function)
    runner = Runner(
        workers={made.name: made},
        lease=Lease(),
        threads=trio.CapacityLimiter(1),
        clock=trio.current_time,
    )
    job = made.new("topsecret")
    return Ended(job, await runner.run(job, trio.current_time()))


@pytest.mark.parametrize("function", FAILING, ids=lambda one: str(one.__name__))
@pytest.mark.parametrize("format_", ["json", "human"])
async def test_a_failure_says_where_the_job_failed_and_nothing_of_its_arguments(
    lines: pytest.LogCaptureFixture, function: Callable[..., Any], format_: LogFormat
) -> None:
    event = await end_of(function)

    await Logger(format_).handle_events([event])

    [record] = lines.records
    told = vars(record)["kiq"]["traceback"]
    inner = "fail_in_a_thread" if function is fail_in_a_thread else "fail_for"
    assert f"in {inner}\n" in told
    assert __file__ in told
    assert len(told) <= TEXT_LIMIT
    # Neither ours nor Trio's.
    assert not re.search(r'File ".*/(kiq_trio/_pipeline|trio|outcome)/', told)
    assert "topsecret" not in record.getMessage().lower()


async def test_a_failure_of_the_machinery_itself_says_where_it_was(
    lines: pytest.LogCaptureFixture,
) -> None:
    runner = Runner({}, Lease(), trio.CapacityLimiter(1), trio.current_time)

    event = Ended(JOB, await runner.run(JOB, trio.current_time()))

    _, fields = await write(lines, event)
    assert "runner.py" in fields["traceback"]


async def test_no_line_of_a_traceback_passes_for_a_line_of_the_log(
    lines: pytest.LogCaptureFixture,
) -> None:
    error = ValueError("a\nMailer j-2: success\rb\u2028c")

    await Logger("human").handle_events([Ended(JOB, Failed(error, 0.0))])

    [record] = lines.records
    _, *below = record.getMessage().splitlines()
    assert len(below) == 4
    assert all(line.startswith("    ") for line in below)


@pytest.mark.parametrize(
    ("level", "kinds"),
    [
        (logging.DEBUG, KINDS),
        (logging.INFO, KINDS),
        (logging.WARNING, {Failed, Aborted}),
        (logging.ERROR, set()),
    ],
)
def test_only_what_the_level_lets_through_is_listened_to(
    caplog: pytest.LogCaptureFixture, level: int, kinds: set[type]
) -> None:
    caplog.set_level(level, logger="kiq_trio.jobs")

    assert Logger().interests() == kinds


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Started(JOB), "Mailer j-1 in mail: started"),
        (Ended(JOB, Succeeded(0.0123)), "Mailer j-1 in mail: success after 0.0123 s"),
        (
            Ended(JOB, Failed(ValueError("no\nsuch"), 1.5)),
            (
                "Mailer j-1 in mail: failure after 1.5 s, retry 4, ValueError: no such"
                "\n    ValueError: no\n    such"
            ),
        ),
        (
            Ended(JOB, Aborted("cancelled", 2.0, "by hand")),
            "Mailer j-1 in mail: aborted after 2 s, cancelled, by hand",
        ),
        (
            Ended(JOB, Snoozed(60, 0.5)),
            "Mailer j-1 in mail: snoozed after 0.5 s, again in 60 s",
        ),
        (
            Ended(JOB.set(queue="a\nb"), Interrupted(3.0)),
            "Mailer j-1 in a b: interrupted after 3 s",
        ),
    ],
)
async def test_a_line_for_people_is_a_line(
    lines: pytest.LogCaptureFixture, event: Event, line: str
) -> None:
    await Logger("human").handle_events([event])

    [record] = lines.records
    assert record.getMessage() == line


@pytest.mark.parametrize("format_", ["json", "human"])
async def test_the_fields_are_there_for_handlers_that_want_them(
    lines: pytest.LogCaptureFixture, format_: LogFormat
) -> None:
    await Logger(format_).handle_events([Started(JOB)])

    [record] = lines.records
    assert vars(record)["kiq"] == {**BASE, "event": "job_started"}
