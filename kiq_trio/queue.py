"""How one queue is worked off, and how many jobs it may hold."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from kiq_trio.errors import ConfigError
from kiq_trio.options import QUEUE_NAME

OnFull: TypeAlias = Literal["wait", "raise"]

ON_FULL = ("wait", "raise")


@attrs.frozen
class Queue:
    """How one queue is worked off, and how many jobs it may hold.

    Attributes:
        concurrency: how many of its jobs run at once in one process.
        max_size: how many jobs may wait in it; any number by default. What is
            retried, scheduled for later or put back comes in all the same.
        on_full: what `enqueue` does when it is full: "wait" for room, or "raise"
            `QueueFull`; by default as the `Kiq` says.

    Raises:
        ConfigError: a number cannot be.
    """

    concurrency: int = 25
    max_size: int | None = attrs.field(default=None, kw_only=True)
    on_full: OnFull | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for name in ("concurrency", "max_size"):
            value = getattr(self, name)
            if not (name == "max_size" and value is None) and not _is_count(value):
                raise ConfigError(
                    f"Queue.{name} must be a whole number of 1 or more, got {value!r}"
                )
        if self.on_full is not None and self.on_full not in ON_FULL:
            raise ConfigError(
                f"Queue.on_full must be 'wait' or 'raise', got {self.on_full!r}"
            )


def make_queues(given: Any) -> dict[str, Queue]:
    """Check the option `queues`, and return it with a `Queue` for each name.

    Raises:
        ConfigError: it maps something else to something else.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"queues must map names to numbers of consumers, got {given!r}"
        )
    return {name: _make_queue(name, value) for name, value in given.items()}


def _make_queue(name: Any, value: Any) -> Queue:
    if not isinstance(name, str) or not QUEUE_NAME.fullmatch(name):
        raise ConfigError(
            f"queues: a name is 1 to 128 of A-Z a-z 0-9 _ . : -, got {name!r}"
        )
    if isinstance(value, Queue):
        return value
    if not _is_count(value):
        raise ConfigError(
            f"queues[{name!r}] must be a whole number of 1 or more, or a Queue, "
            f"got {value!r}"
        )
    return Queue(value)


def require_size(queue: str, size: Any) -> None:
    """Raise `ConfigError` unless so many jobs of *queue* can run at once."""
    if not _is_count(size):
        raise ConfigError(
            f"queues[{queue!r}] must be a whole number of 1 or more, got {size!r}"
        )


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1
