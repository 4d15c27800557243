"""What a worker's jobs are given, and how they are run."""

import inspect
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs
from cattrs import Converter

from kiq_trio._checks import suggest
from kiq_trio._faults import LONGEST_RETRY_FOR, plain
from kiq_trio.errors import ConfigError
from kiq_trio.job import Job, Retries
from kiq_trio.spans import Span, is_span, to_seconds
from kiq_trio.verdicts import Wish

RetryIn: TypeAlias = Callable[[int, BaseException, Job], Span | Wish | None]
"""Says when to retry: given how many retries there were, the error and the job."""

Mourner: TypeAlias = Callable[[Job, BaseException], Awaitable[object] | object]
"""Is told of a job that ended for good without success; async or plain."""

QUEUE_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
"""What Sidekiq's UI can show as a queue's name (wire.md §2.1)."""


def _is_queue(value: Any) -> bool:
    return isinstance(value, str) and QUEUE_NAME.fullmatch(value) is not None


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _is_function(value: Any) -> bool:
    return callable(value)


def _is_plain_function(value: Any) -> bool:
    return callable(value) and not inspect.iscoroutinefunction(inspect.unwrap(value))


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


_QUEUE = "1 to 128 of A-Z a-z 0-9 _ . : -"
_SPAN = "seconds or a timedelta of more than 0 s"
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "queue": (_is_queue, _QUEUE),
    "retry": (_is_count, "True, False or a whole number of 0 or more"),
    "retry_for": (
        _or_none(lambda value: is_span(value) and value <= LONGEST_RETRY_FOR),
        f"{_SPAN} and at most 1,000,000,000 s",
    ),
    "dead": (_is_bool, "True or False"),
    "retry_queue": (_or_none(_is_queue), _QUEUE),
    "backtrace": (_is_count, "True, False or a number of lines"),
    "expires_in": (_or_none(is_span), _SPAN),
    "unique_for": (_or_none(is_span), _SPAN),
    "unique_until": (
        lambda value: value in {"success", "start"},
        "'success' or 'start'",
    ),
    "timeout": (_or_none(is_span), _SPAN),
    "exclusive": (_is_bool, "True or False"),
    "unique_key": (_or_none(_is_plain_function), "a plain function of the arguments"),
    "retry_in": (_or_none(_is_plain_function), "a plain function"),
    "on_exhausted": (_or_none(_is_function), "a function"),
    "converter": (
        _or_none(lambda value: isinstance(value, Converter)),
        "a Converter of cattrs",
    ),
}


@attrs.frozen(kw_only=True)
class Options:
    """What a worker's jobs are given, and how they are run.

    The first group travels in each job's payload, under Sidekiq's names, and may be
    set for one job. The second, from `timeout` on, concerns only the process that
    runs it. A span is a number of seconds or a `timedelta`.

    Attributes:
        queue: where its jobs wait.
        retry: True for Sidekiq's 25 retries, a number, or False for none.
        retry_for: retry for so long after the first failure, however often that
            is; takes the place of a number. At most 1,000,000,000 s.
        dead: whether a job whose retries are exhausted is kept in the dead set.
        retry_queue: another queue for its retries.
        backtrace: store the traceback of a failure: all of it, or so many lines.
        tags: labels shown by Sidekiq's UI.
        expires_in: a job that has not started so long after it was enqueued, or
            after the time it was scheduled for, is not run at all.
        unique_for: for so long, a second job with the same queue and arguments is
            a duplicate, and not stored.
        unique_until: what ends that sooner: `"success"`, or `"start"`.
        timeout: how long a run may take; longer is a failure.
        exclusive: cancel a run as soon as this process cannot be sure that it
            still holds the job, so that two runs never overlap.
        unique_key: given the arguments, returns what makes a job unique, if it is
            not all of them.
        retry_in: given how many retries there were (0 at the first failure), the
            error and the job, returns how long exactly until the next, `DISCARD`
            or `KILL`. Anything else, or an error of its own, means Sidekiq's
            formula. It is called in Trio's loop, so it must only compute.
        on_exhausted: given the job and the error when the retries are used up,
            before the job is moved; it may return `DISCARD` to keep it out of the
            dead set. An async function, or a plain one that does not wait.
        converter: makes JSON of the arguments and arguments of JSON, if it shall be
            another than ours: see `make_converter`. It is the worker's, not the
            `Kiq`'s, since a job is made before it is known who will store it.
    """

    queue: str = "default"
    retry: Retries = True
    retry_for: float | None = attrs.field(default=None, converter=to_seconds)
    dead: bool = True
    retry_queue: str | None = None
    backtrace: bool | int = False
    tags: tuple[str, ...] = ()
    expires_in: float | None = attrs.field(default=None, converter=to_seconds)
    unique_for: float | None = attrs.field(default=None, converter=to_seconds)
    unique_until: str = "success"
    timeout: float | None = attrs.field(default=None, converter=to_seconds)
    exclusive: bool = False
    unique_key: Callable[..., Any] | None = None
    retry_in: RetryIn | None = None
    on_exhausted: Mourner | None = None
    converter: Converter | None = None

    def __attrs_post_init__(self) -> None:
        for name, (fits, what) in _RULES.items():
            value = getattr(self, name)
            if not fits(value):
                raise ConfigError(f"{name} must be {what}, got {value!r}")


OPTIONS = tuple(attrs.fields_dict(Options))
"""What a worker may be given, by name."""

OF_THE_WORKER = OPTIONS[OPTIONS.index("timeout") :]
"""The options that stay with the worker; the others travel with its jobs."""


def make_options(options: Mapping[str, Any]) -> Options:
    """Check *options* and return them.

    Raises:
        ConfigError: one is unknown, or its value cannot work.
    """
    for name in options:
        if name not in OPTIONS:
            raise ConfigError(
                f"unknown option {name!r} of a worker{suggest(name, OPTIONS)} "
                f"(known: {', '.join(OPTIONS)})"
            )
    tags = options.get("tags", ())
    if isinstance(tags, str) or not all(isinstance(tag, str) for tag in tags):
        raise ConfigError(f"tags must be a list of texts, got {tags!r}")
    # Sidekiq's UI prints them as they are (wire.md §8.3).
    if any(plain(tag) != tag for tag in tags):
        raise ConfigError(f"tags must be texts without < and >, got {tags!r}")
    return Options(**{**options, "tags": tuple(tags)})


def payload_fields(options: Options) -> dict[str, Any]:
    """Return the fields that differ from what a reader would assume."""
    fields: dict[str, Any] = {}
    if options.retry_for is not None:
        # Ruby cuts a fraction off; a job is rather retried a moment longer.
        fields["retry_for"] = math.ceil(options.retry_for)
    if not options.dead:
        fields["dead"] = False
    if options.retry_queue:
        fields["retry_queue"] = options.retry_queue
    if options.backtrace:
        fields["backtrace"] = options.backtrace
    if options.tags:
        fields["tags"] = list(options.tags)
    if options.expires_in is not None:
        fields["expires_in"] = options.expires_in
    if options.unique_for is not None:
        fields["unique_for"] = options.unique_for
        if options.unique_until != "success":
            fields["unique_until"] = options.unique_until
    return fields
