"""What a worker's jobs are given, and how they are run."""

import difflib
import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import attrs

from kiq_trio.errors import ConfigError
from kiq_trio.job import Retry

QUEUE_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
"""What Sidekiq's UI can show as a queue's name (wire.md §2.1)."""


def _is_queue(value: Any) -> bool:
    return isinstance(value, str) and QUEUE_NAME.fullmatch(value) is not None


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _is_span(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < math.inf


_QUEUE = "1 to 128 of A-Z a-z 0-9 _ . : -"
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "queue": (_is_queue, _QUEUE),
    "retry": (_is_count, "True, False or a whole number of 0 or more"),
    "dead": (_is_bool, "True or False"),
    "retry_queue": (lambda value: value is None or _is_queue(value), _QUEUE),
    "backtrace": (_is_count, "True, False or a number of lines"),
    "timeout": (lambda value: value is None or _is_span(value), "more than 0 s"),
    "exclusive": (_is_bool, "True or False"),
}


@attrs.frozen(kw_only=True)
class Options:
    """What a worker's jobs are given, and how they are run.

    The first group travels in each job's payload, under Sidekiq's names; the
    second concerns only the process that runs it.

    Attributes:
        queue: where its jobs wait.
        retry: True for Sidekiq's 25 retries, a number, or False for none.
        dead: whether a job whose retries are exhausted is kept in the dead set.
        retry_queue: another queue for its retries.
        backtrace: store the traceback of a failure: all of it, or so many lines.
        tags: labels shown by Sidekiq's UI.
        timeout: seconds a run may take; longer is a failure.
        exclusive: cancel a run as soon as this process cannot be sure that it
            still holds the job, so that two runs never overlap.
    """

    queue: str = "default"
    retry: Retry = True
    dead: bool = True
    retry_queue: str | None = None
    backtrace: bool | int = False
    tags: tuple[str, ...] = ()
    timeout: float | None = None
    exclusive: bool = False

    def __attrs_post_init__(self) -> None:
        for name, (fits, what) in _RULES.items():
            value = getattr(self, name)
            if not fits(value):
                raise ConfigError(f"{name} must be {what}, got {value!r}")


def make_options(options: Mapping[str, Any]) -> Options:
    """Check *options* and return them.

    Raises:
        ConfigError: one is unknown, or its value cannot work.
    """
    known = attrs.fields_dict(Options)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"unknown option {name!r} of a worker{hint} (known: {', '.join(known)})"
            )
    timeout = options.get("timeout")
    if isinstance(timeout, timedelta):
        options = {**options, "timeout": timeout.total_seconds()}
    tags = options.get("tags", ())
    if isinstance(tags, str) or not all(isinstance(tag, str) for tag in tags):
        raise ConfigError(f"tags must be a list of texts, got {tags!r}")
    return Options(**{**options, "tags": tuple(tags)})


def payload_fields(options: Options) -> dict[str, Any]:
    """Return the fields that differ from what a reader would assume."""
    fields: dict[str, Any] = {}
    if not options.dead:
        fields["dead"] = False
    if options.retry_queue:
        fields["retry_queue"] = options.retry_queue
    if options.backtrace:
        fields["backtrace"] = options.backtrace
    if options.tags:
        fields["tags"] = list(options.tags)
    return fields
