"""Middleware is an async function of a job and of what comes next."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from kiq_trio import Job
from kiq_trio.config import make_config
from kiq_trio.errors import ConfigError
from kiq_trio.middleware import around_performing


async def good(job: Job, call_next: Callable[[Job], Any]) -> Any:
    return await call_next(job)


def wrapper(job: Job, call_next: Callable[[Job], Any]) -> Any:
    return good(job, call_next)


def plain(job: Job, call_next: Callable[[Job], Any]) -> Any: ...


class Counting:
    async def __call__(self, job: Job, call_next: Callable[[Job], Any]) -> Any:
        return await call_next(job)

    async def method(self, job: Job, call_next: Callable[[Job], Any]) -> Any:
        return await call_next(job)


class Late:
    def __init__(self, job: Job, call_next: Callable[[Job], Any]) -> None: ...

    async def __call__(self) -> Any: ...


async def three(job: Job, call_next: Callable[[Job], Any], more: int) -> Any: ...


async def one(job: Job) -> Any: ...


@pytest.mark.parametrize("option", ["client_middleware", "server_middleware"])
@pytest.mark.parametrize(
    "middleware",
    [
        good,
        Counting(),
        Counting().method,
        functools.partial(three, more=1),
        functools.wraps(good)(wrapper),
    ],
    ids=["function", "object", "method", "partial", "wrapper"],
)
def test_whatever_is_called_and_awaited_will_do(option: str, middleware: Any) -> None:
    config = make_config({option: [middleware]})

    assert getattr(config, option) == (middleware,)


@pytest.mark.parametrize("option", ["client_middleware", "server_middleware"])
@pytest.mark.parametrize("wrong", [plain, one, three, 5, Late, print])
def test_anything_else_is_refused(option: str, wrong: Any) -> None:
    message = rf"{option}\[1\] must be an async function of \(job, call_next\), got"
    with pytest.raises(ConfigError, match=message):
        make_config({option: [good, wrong]})


def test_middleware_must_be_a_list() -> None:
    with pytest.raises(ConfigError, match="client_middleware must be a list"):
        make_config({"client_middleware": good})


async def test_the_first_is_outermost() -> None:
    order: list[str] = []

    def named(name: str) -> Any:
        async def middleware(job: Job, call_next: Callable[[Job], Any]) -> Any:
            order.append(f"> {name}")
            try:
                return await call_next(job.set(**{name: 1}))
            finally:
                order.append(f"< {name}")

        return middleware

    async def perform(job: Job) -> Any:
        order.append("perform")
        return dict(job.rest)

    call = around_performing([named("a"), named("b")], perform)

    assert await call(Job(job_class="A")) == {"a": 1, "b": 1}
    assert order == ["> a", "> b", "perform", "< b", "< a"]
