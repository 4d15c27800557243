"""Functions that are attached get every event's numbers, as long as they behave."""

from collections.abc import Mapping
from typing import Any

import pytest

from kiq_trio._reporters.instrumenter import (
    ABORTED,
    ANY,
    FAILURE,
    INTERRUPTED,
    SNOOZED,
    STARTED,
    SUCCESS,
    EventName,
    Instrumenter,
)
from kiq_trio.errors import ConfigError
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

JOB = Job(job_class="Mailer", queue="mail", jid="j-1")
WHO = {"class": "Mailer", "queue": "mail", "jid": "j-1"}
ERROR = ValueError("no")
ALL: list[Event] = [
    Started(JOB),
    *(
        Ended(JOB, outcome)
        for outcome in (
            Succeeded(1.5),
            Failed(ERROR, 2.0),
            Aborted("expired"),
            Interrupted(3.0),
            Snoozed(60, 1.0),
        )
    ),
]


class Meter:
    def __init__(self) -> None:
        self.calls: list[tuple[EventName, Mapping[str, float], Mapping[str, Any]]] = []

    def __call__(
        self, name: EventName, numbers: Mapping[str, float], about: Mapping[str, Any]
    ) -> None:
        self.calls.append((name, numbers, about))


async def test_a_handler_is_given_measurements_and_circumstances() -> None:
    instrumenter, meter = Instrumenter(), Meter()
    for name in (STARTED, SUCCESS, FAILURE, ABORTED, SNOOZED):
        instrumenter.attach(name, meter)

    await instrumenter.handle_events(ALL)

    assert meter.calls == [
        (STARTED, {"value": 1}, WHO),
        (SUCCESS, {"timing": 1.5}, WHO),
        (FAILURE, {"value": 1}, {**WHO, "error": ERROR}),
        (ABORTED, {"value": 1}, {**WHO, "reason": "expired", "detail": ""}),
        (SNOOZED, {"value": 1, "seconds": 60}, WHO),
    ]


async def test_a_handler_hears_only_what_it_is_attached_to() -> None:
    instrumenter, meter = Instrumenter(), Meter()
    instrumenter.attach(SUCCESS, meter)

    await instrumenter.handle_events(ALL)

    assert [name for name, _, _ in meter.calls] == [SUCCESS]


async def test_a_detached_handler_is_called_no_more() -> None:
    instrumenter, meter, other = Instrumenter(), Meter(), Meter()
    for handler in (meter, other):
        instrumenter.attach(STARTED, handler)
    instrumenter.detach(STARTED, meter)

    await instrumenter.handle_events(ALL)

    assert (len(meter.calls), len(other.calls)) == (0, 1)


def test_what_is_not_attached_cannot_be_detached() -> None:
    with pytest.raises(ValueError, match="not in list"):
        Instrumenter().detach(STARTED, Meter())


async def test_a_handler_that_raises_is_logged_and_detached(
    caplog: pytest.LogCaptureFixture,
) -> None:
    instrumenter, meter = Instrumenter(), Meter()

    def broken(*_: Any) -> None:
        raise KeyError("my bug")

    instrumenter.attach(STARTED, broken)
    instrumenter.attach(STARTED, meter)
    await instrumenter.handle_events(ALL)
    await instrumenter.handle_events(ALL)

    assert caplog.text.count("it is detached from") == 1
    assert "my bug" in caplog.text
    assert len(meter.calls) == 2


async def test_a_handler_may_detach_itself() -> None:
    instrumenter, calls = Instrumenter(), []

    def once(name: EventName, *_: Any) -> None:
        calls.append(name)
        instrumenter.detach(name, once)

    instrumenter.attach(STARTED, once)
    await instrumenter.handle_events([*ALL, *ALL])

    assert calls == [STARTED]


async def test_one_that_detaches_itself_and_raises_breaks_nothing() -> None:
    instrumenter, meter = Instrumenter(), Meter()

    def last_words(name: EventName, *_: Any) -> None:
        instrumenter.detach(name, last_words)
        raise KeyError("my bug")

    instrumenter.attach(STARTED, last_words)
    instrumenter.attach(STARTED, meter)
    await instrumenter.handle_events(ALL)

    assert len(meter.calls) == 1


def test_it_listens_only_while_anybody_is_attached() -> None:
    instrumenter, meter = Instrumenter(), Meter()
    assert instrumenter.interests() == frozenset()
    instrumenter.attach(SUCCESS, meter)
    assert instrumenter.interests() == KINDS
    instrumenter.detach(SUCCESS, meter)
    assert instrumenter.interests() == frozenset()


async def test_one_attached_to_all_is_told_the_name_of_each() -> None:
    instrumenter, meter = Instrumenter(), Meter()
    instrumenter.attach(ANY, meter)

    await instrumenter.handle_events(ALL)

    assert [name for name, _, _ in meter.calls] == [
        STARTED,
        SUCCESS,
        FAILURE,
        ABORTED,
        INTERRUPTED,
        SNOOZED,
    ]
    assert meter.calls[-2] == (INTERRUPTED, {"value": 1, "timing": 3.0}, WHO)


async def test_one_attached_to_all_that_raises_is_detached_from_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    instrumenter = Instrumenter()

    @instrumenter.on(ANY)
    def broken(*_: Any) -> None:
        raise KeyError("my bug")

    await instrumenter.handle_events(ALL)

    assert caplog.text.count("it is detached from") == 1
    assert instrumenter.interests() == frozenset()


async def test_a_function_may_be_attached_to_several_names_by_decoration() -> None:
    instrumenter, calls = Instrumenter(), []

    @instrumenter.on(STARTED, FAILURE)
    def note(name: EventName, *_: Any) -> None:
        calls.append(name)

    await instrumenter.handle_events(ALL)
    instrumenter.detach(FAILURE, note)
    await instrumenter.handle_events(ALL)

    assert calls == [STARTED, FAILURE, STARTED]


def test_a_name_that_no_event_has_is_refused() -> None:
    name: Any = ("kiq", "job", "sucess")

    with pytest.raises(ConfigError, match=r"one of started, success, .* 'sucess'"):
        Instrumenter().attach(name, Meter())
