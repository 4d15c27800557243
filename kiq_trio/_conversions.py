"""What the options of a `Kiq` are made of, and what is made of them."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from kiq_trio._checks import callbacks, listed
from kiq_trio.errors import ConfigError
from kiq_trio.middleware import ClientMiddleware, ServerMiddleware, check_middleware
from kiq_trio.options import Mourner
from kiq_trio.periodic import Periodic, read_periodics
from kiq_trio.reporter import Reporter
from kiq_trio.spans import to_seconds
from kiq_trio.worker import AnyWorker
from kiq_trio.worker_class import as_worker

CLOSED = ("bid", "encrypt")
"""Fields of a payload that ask for middleware of Sidekiq Pro or Enterprise."""

SCHEDULERS = ("retry", "schedule")
"""The sorted sets that hold jobs for later."""


def to_schedulers(given: Any) -> tuple[str, ...]:
    names = listed("schedulers", given)
    for name in names:
        if name not in SCHEDULERS:
            raise ConfigError(
                f"schedulers may hold {' and '.join(map(repr, SCHEDULERS))}, "
                f"got {name!r}"
            )
    return names


def to_accepted(given: Any) -> tuple[str, ...]:
    names = listed("accept", given)
    for name in names:
        if name not in CLOSED:
            allowed = " and ".join(map(repr, CLOSED))
            raise ConfigError(f"accept may hold {allowed}, got {name!r}")
    return names


def to_reporters(given: Any) -> tuple[Reporter, ...]:
    reporters = listed("extra_reporters", given)
    for index, reporter in enumerate(reporters):
        if not isinstance(reporter, Reporter):
            raise ConfigError(
                f"extra_reporters[{index}] must be a Reporter, got {reporter!r}"
            )
    return reporters


def to_periodics(given: Any) -> tuple[Periodic, ...]:
    return read_periodics(listed("periodics", given))


def to_workers(given: Any) -> dict[str, AnyWorker]:
    workers: dict[str, AnyWorker] = {}
    for index, worker in enumerate(listed("workers", given)):
        made = as_worker(worker)
        if made is None:
            raise ConfigError(
                f"workers[{index}] must be made by @worker or be a subclass of Worker, "
                f"got {worker!r}"
            )
        if workers.setdefault(made.name, made) is not made:
            raise ConfigError(f"workers: two are called {made.name!r}")
    return workers


def to_on_death(given: Any) -> tuple[Mourner, ...]:
    mourners = listed("on_death", given)
    for index, mourner in enumerate(mourners):
        if not callable(mourner):
            raise ConfigError(
                f"on_death[{index}] must be a function of a job and an error, "
                f"got {mourner!r}"
            )
    return mourners


def to_client_middleware(given: Any) -> tuple[ClientMiddleware, ...]:
    return check_middleware("client_middleware", listed("client_middleware", given))


def to_server_middleware(given: Any) -> tuple[ServerMiddleware, ...]:
    return check_middleware("server_middleware", listed("server_middleware", given))


def to_client_opts(given: Any) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"client_opts must map names to values, got {given!r}")
    for name in given:
        if name != "command_timeout":
            raise ConfigError(
                f"client_opts may hold 'redis_url' and 'command_timeout', got {name!r}"
            )
    seconds = {name: to_seconds(value) for name, value in given.items()}
    for name, value in seconds.items():
        if type(value) not in (int, float) or not 0 < value < math.inf:
            raise ConfigError(
                f"client_opts[{name!r}] must be more than 0 s, got {value!r}"
            )
    return seconds


def to_on_lead(given: Any) -> tuple[Callable[[], Any], ...]:
    return callbacks("on_lead", given)


def to_on_lead_lost(given: Any) -> tuple[Callable[[], Any], ...]:
    return callbacks("on_lead_lost", given)
