"""Workers make jobs of calls, and refuse what cannot be one."""

import functools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from kiq_trio.errors import ConfigError
from kiq_trio.worker import worker


async def coroutine() -> None: ...


@worker(queue="events", retry=3, dead=False, tags=["mail"], backtrace=5)
async def welcome(user_id: int, locale: str = "en", *more: int) -> str:
    """Greet a user."""
    return f"{user_id} {locale} {more}"


def test_a_new_job_carries_the_workers_options() -> None:
    job = welcome.new(42)

    assert job.to_map() == {
        "class": "welcome",
        "args": [42],
        "queue": "events",
        "retry": 3,
        "dead": False,
        "tags": ["mail"],
        "backtrace": 5,
    }


def test_keyword_arguments_are_bound_to_their_positions() -> None:
    assert welcome.new(42, locale="fr").args == [42, "fr"]
    assert welcome.new(locale="fr", user_id=1).args == [1, "fr"]


def test_arguments_the_worker_does_not_take_are_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"welcome\.new\(\)"):
        welcome.new()  # type: ignore[call-arg]


def test_a_function_with_keyword_only_arguments_cannot_be_a_worker() -> None:
    with pytest.raises(ConfigError, match="cannot be given by position"):

        @worker()
        def late(*, when: int) -> None: ...


def test_a_decorator_without_parentheses_says_what_is_missing() -> None:
    async def plain() -> None: ...

    with pytest.raises(ConfigError, match=r"write @worker\(\) with parentheses"):
        worker(plain)


def test_a_generator_cannot_be_a_worker_for_it_would_never_run() -> None:
    with pytest.raises(ConfigError, match="is a generator"):

        @worker()
        async def lazy() -> AsyncIterator[int]:
            yield 1


async def test_an_async_function_behind_a_plain_wrapper_is_awaited() -> None:
    async def inner(n: int) -> int:
        return n

    @functools.wraps(inner)
    def wrapper(*args: int) -> Any:
        return inner(*args)

    wrapped = worker()(wrapper)

    assert wrapped.is_async
    assert await wrapped(3) == 3


def test_an_object_that_is_called_is_looked_into() -> None:
    class Sender:
        async def __call__(self, address: str) -> None: ...

    made = worker(name="send")(Sender())

    assert made.is_async
    assert made.new("a").args == ["a"]
    with pytest.raises(ConfigError, match="has no name"):
        worker()(Sender())


def test_a_worker_looks_like_the_function_it_was() -> None:
    assert vars(welcome)["__name__"] == "welcome"
    assert welcome.__doc__ == "Greet a user."


def test_no_job_can_change_those_that_follow() -> None:
    with pytest.raises(TypeError):
        welcome.new(1).rest["bid"] = "b"  # type: ignore[index]


async def test_calling_a_worker_runs_its_function() -> None:
    assert await welcome(1, "de", 3) == "1 de (3,)"


def test_options_can_be_set_for_one_job() -> None:
    job = welcome.set(queue="low", retry=False).new(1)

    assert (job.queue, job.retry, welcome.options.queue) == ("low", False, "events")


def test_what_travels_with_a_job_is_said_in_its_payload() -> None:
    @worker(
        unique_for=timedelta(minutes=5),
        unique_until="start",
        expires_in=90.5,
        retry_for=timedelta(hours=1, seconds=0.5),
    )
    async def rare() -> None: ...

    assert rare.new().rest == {
        "retry_for": 3601,
        "expires_in": 90.5,
        "unique_for": 300,
        "unique_until": "start",
    }
    assert rare.set(unique_for=None, expires_in=timedelta(1)).new().rest == {
        "retry_for": 3601,
        "expires_in": 86_400,
    }


@pytest.mark.parametrize(
    "option",
    [
        {"timeout": 5},
        {"exclusive": True},
        {"unique_key": len},
        {"retry_in": len},
        {"on_exhausted": len},
    ],
)
def test_what_belongs_to_the_worker_cannot_be_set_for_one_job(
    option: dict[str, Any],
) -> None:
    with pytest.raises(ConfigError, match="it belongs to the worker welcome"):
        welcome.set(**option)


def test_a_worker_may_go_by_a_name_that_ruby_knows() -> None:
    @worker(name="Billing::InvoiceJob")
    def invoice() -> None: ...

    assert invoice.new().job_class == "Billing::InvoiceJob"


def test_a_timeout_may_be_a_timedelta() -> None:
    @worker(timeout=timedelta(minutes=1))
    async def slow() -> None: ...

    assert slow.options.timeout == 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queue": "a b"}, r"queue must be .* got 'a b'"),
        ({"retry": -1}, "retry must be True, False or a whole number"),
        ({"retry": "5"}, "got '5'"),
        ({"timeout": 0}, "timeout must be seconds or .* of more than 0 s, got 0"),
        ({"timeout": "30"}, "timeout must be seconds or a timedelta of .*, got '30'"),
        ({"queue": 5}, "queue must be 1 to 128 of A-Z a-z 0-9 _ . : -, got 5"),
        ({"dead": "no"}, "dead must be True or False, got 'no'"),
        ({"backtrace": "all"}, "backtrace must be True, False or a number of lines"),
        ({"retry_for": 1_000_000_001}, "at most 1,000,000,000 s, got 1000000001"),
        (
            {"expires_in": timedelta(0)},
            "expires_in must be seconds or .* of more than 0 s, got 0",
        ),
        ({"unique_for": True}, "unique_for must be seconds or .* 0 s, got True"),
        ({"unique_for": "10m"}, "must be seconds or a timedelta .* got '10m'"),
        ({"retries": 3}, "did you mean 'retry'"),
        ({"unique_until": "end"}, "must be 'success' or 'start', got 'end'"),
        ({"unique_key": 1}, "unique_key must be a plain function of the arguments"),
        ({"retry_in": coroutine}, "retry_in must be a plain function, got"),
        ({"on_exhausted": 1}, "on_exhausted must be a function, got 1"),
        ({"tags": "mail"}, "tags must be a list of texts, got 'mail'"),
        ({"que": "a"}, "unknown option 'que' of a worker; did you mean 'queue'"),
    ],
)
def test_options_that_cannot_work_are_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        worker(**options)  # type: ignore[arg-type]
