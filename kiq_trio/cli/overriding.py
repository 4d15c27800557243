"""Applies the options of the command line to a `Kiq`."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from kiq_trio.errors import ConfigError
from kiq_trio.kiq import Kiq
from kiq_trio.queue import Queue


def override(
    kiq: Kiq,
    *,
    queues: Sequence[str] = (),
    concurrency: int | None = None,
    shutdown_timeout: float | None = None,
    log_format: str | None = None,
    sidekiq: int | None = None,
) -> None:
    """Make *kiq*, not started yet, a program of its own with these options.

    Args:
        kiq: what to change.
        queues: each `name=concurrency`, or a name alone; they replace its own.
        concurrency: how many jobs run at once of each queue that is not given
            with a number; None for what it was made with.
        shutdown_timeout: as in `Config`, unless None.
        log_format: likewise.
        sidekiq: likewise.

    Raises:
        ConfigError: an option cannot work.
    """
    config = kiq.config
    if not config.server:
        raise ConfigError(f"{kiq!r} was made with server=False: it runs no jobs")
    if concurrency is not None:
        require_count("--concurrency", concurrency)
    changes: dict[str, Any] = {}
    if queues or concurrency is not None:
        own = config.queues
        given = queues or tuple(own)
        changes["queues"] = dict(_read(each, own, concurrency) for each in given)
    if shutdown_timeout is not None:
        changes["shutdown_timeout"] = shutdown_timeout
    if log_format is not None:
        changes["log_format"] = log_format
    if sidekiq is not None:
        changes["sidekiq"] = sidekiq
    kiq.override(**changes)
    kiq.is_embedded = False


def require_count(flag: str, given: int) -> None:
    """Refuse what cannot be a number of something.

    Raises:
        ConfigError: it is less than 1.
    """
    if given < 1:
        raise ConfigError(f"{flag} must be a whole number of 1 or more, got {given}")


def _read(
    given: str, own: Mapping[str, Queue], concurrency: int | None
) -> tuple[str, Queue | int]:
    name, equals, size = given.partition("=")
    queue = own.get(name)
    if not equals:
        if concurrency is not None:
            return name, _resize(queue, concurrency)
        if queue is None:
            raise ConfigError(
                f"--queue {name}: give its concurrency, {name}=25, or take one of "
                f"{', '.join(own)}"
            )
        return name, queue
    if not size.isascii() or not size.isdecimal():
        raise ConfigError(
            f"--queue {given}: the concurrency must be a whole number of 1 or more"
        )
    return name, _resize(queue, int(size))


def _resize(queue: Queue | None, concurrency: int) -> Queue | int:
    if queue is None:
        return concurrency
    return attrs.evolve(queue, concurrency=concurrency)
