"""A worker may be written as a class, and is then a worker like any other."""

import inspect
from collections.abc import Awaitable
from datetime import date, timedelta
from typing import Any

import pytest
from trio.testing import MockClock

from kiq_trio import DISCARD, ConfigError, Job, Worker, periodic
from kiq_trio.config import make_config
from kiq_trio.testing import perform
from kiq_trio.worker import FunctionWorker
from kiq_trio.worker_class import as_worker
from tests.journey.conftest import KiqMaker, Recorder, make_kiq, memory, recorder

__all__ = ["make_kiq", "memory", "recorder"]


class Welcome(Worker, queue="events", retry=10):
    """Greet a user."""

    tags = ("mail",)
    expires_in = timedelta(minutes=1)

    async def perform(self, user_id: int, locale: str = "en") -> None: ...


def made(one: type[Worker]) -> FunctionWorker[..., Any]:
    worker = as_worker(one)
    assert worker is not None
    return worker


def test_options_come_from_the_class_statement_and_from_attributes() -> None:
    assert Welcome.new(42).to_map() == {
        "class": "Welcome",
        "args": [42],
        "queue": "events",
        "retry": 10,
        "tags": ["mail"],
        "expires_in": 60,
    }
    assert made(Welcome).is_async
    assert made(Welcome).__doc__ == Welcome.perform.__doc__


def test_a_type_checker_knows_what_perform_takes() -> None:
    assert Welcome.new(locale="fr", user_id=1).args == [1, "fr"]
    assert Welcome.set(queue="low").new(1).queue == "low"
    assert Welcome.new("1").args == ["1"]  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Welcome\.new\(\)"):
        Welcome.new()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"Welcome\.new\(\)"):
        Welcome.set(queue="low").new(1, "fr", 3)  # type: ignore[call-arg]


def test_a_class_without_perform_has_options_for_others_to_inherit() -> None:
    class Mail(Worker, queue="mail", retry_in=lambda *_: DISCARD):
        timeout = 5

    class Letter(Mail, retry=1):
        def perform(self) -> None: ...

    class Parcel(Letter, name="Post::Parcel", queue="parcels"):
        pass

    assert as_worker(Letter) is not as_worker(Parcel)
    assert (Letter.new().queue, Letter.new().retry) == ("mail", 1)
    assert Parcel.new().to_map() | {"args": []} == {
        "class": "Post::Parcel",
        "args": [],
        "queue": "parcels",
        "retry": 1,
    }
    options = made(Parcel).options
    assert (options.timeout, options.retry_in is not None) == (5, True)
    with pytest.raises(ConfigError, match="Mail has no method perform"):
        Mail.new()  # type: ignore[arg-type]


def test_options_are_checked_when_the_class_is_made() -> None:
    with pytest.raises(ConfigError, match="did you mean 'queue'"):

        class Typo(Worker, que="a"):
            def perform(self) -> None: ...

    with pytest.raises(ConfigError, match="dead must be True or False"):

        class Wrong(Worker):
            dead = "no"

            def perform(self) -> None: ...

    with pytest.raises(ConfigError, match="cannot be given by position"):

        class Named(Worker):
            def perform(self, *, when: int) -> None: ...


def test_both_spellings_are_registered_alike() -> None:
    config = make_config({"workers": [Welcome, made(Welcome)]})

    assert config.workers == {"Welcome": made(Welcome)}
    with pytest.raises(ConfigError, match="must be made by @worker or be a subclass"):
        make_config({"workers": [int]})


async def test_every_run_and_every_question_has_an_instance_of_its_own(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    seen: list[tuple[str, bool]] = []

    class Picky(Worker, retry=1):
        def __init__(self) -> None:
            self.used = False

        def _use(self, who: str) -> None:
            seen.append((who, self.used))
            self.used = True

        async def perform(self, n: int) -> None:
            self._use("perform")
            raise ValueError(n)

        def retry_in(self, count: int, error: BaseException, job: Job) -> float:
            self._use("retry_in")
            return 1.0

        async def on_exhausted(self, job: Job, error: BaseException) -> Awaitable[None]:
            self._use("on_exhausted")
            return DISCARD  # type: ignore[return-value]

    async with make_kiq(workers=[Picky]) as kiq:
        await kiq.enqueue(Picky.new(1))
        await recorder.heard("Failed", 2)

    names = ["perform", "retry_in", "perform", "on_exhausted"]
    assert seen == [(name, False) for name in names]


async def test_a_class_is_tested_alone_like_a_function() -> None:
    class Older(Worker):
        def perform(self, day: date) -> date:
            return day + timedelta(days=1)

    assert await perform(Older, date(2026, 11, 25)) == date(2026, 11, 26)


def test_a_class_may_come_again_by_the_clock() -> None:
    @periodic("0 6 * * *", args=[1])
    class Morning(Worker):
        async def perform(self, user_id: int) -> None: ...

    config = make_config(
        {"workers": [Morning], "periodics": [("0 0 * * *", Welcome, {"args": [2]})]}
    )

    assert [(p.worker.name, p.job.args) for p in config.all_periodics] == [
        ("Welcome", [2]),
        ("Morning", [1]),
    ]


def test_a_class_without_perform_seems_to_have_no_jobs_to_who_looks_around() -> None:
    class Base(Worker, queue="low"):
        """Only options."""

    assert not hasattr(Worker, "new")
    assert not hasattr(Base, "set")
    inspect.getmembers(Base)
    with pytest.raises(ConfigError, match="Base has no method perform"):
        getattr(Base, "new")  # noqa: B009 - a type checker would see it, too.
