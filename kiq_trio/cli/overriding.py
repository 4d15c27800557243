"""Applies the options of the command line to a `Kiq`."""

from collections.abc import Mapping, Sequence
from typing import Any

from kiq_trio.errors import ConfigError
from kiq_trio.kiq import Kiq


def override(
    kiq: Kiq, *, queues: Sequence[str], shutdown_timeout: float | None
) -> None:
    """Make *kiq*, not started yet, a program of its own with these options.

    Args:
        kiq: what to change.
        queues: each `name=concurrency`, or the name of one of its queues; they
            replace its own.
        shutdown_timeout: as in `Config`, unless None.

    Raises:
        ConfigError: an option cannot work.
    """
    config = kiq.config
    if not config.server:
        raise ConfigError(f"{kiq!r} was made with server=False: it runs no jobs")
    changes: dict[str, Any] = {}
    if queues:
        changes["queues"] = dict(_read(given, config.queues) for given in queues)
    if shutdown_timeout is not None:
        changes["shutdown_timeout"] = shutdown_timeout
    kiq.override(**changes)
    kiq.is_embedded = False


def _read(given: str, own: Mapping[str, int]) -> tuple[str, int]:
    name, equals, size = given.partition("=")
    if not equals:
        if name not in own:
            raise ConfigError(
                f"--queue {name}: give its concurrency, {name}=25, or take one of "
                f"{', '.join(own)}"
            )
        return name, own[name]
    if not size.isascii() or not size.isdecimal():
        raise ConfigError(
            f"--queue {given}: the concurrency must be a whole number of 1 or more"
        )
    return name, int(size)
