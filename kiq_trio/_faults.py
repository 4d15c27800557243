"""What must not stand in a payload, since a page of Sidekiq's UI breaks on it.

Sidekiq's templates escape little and check nothing: one such job makes every page
that lists it answer 500, or shows HTML that somebody else has written (wire.md §8.2,
§8.3).
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from kiq_trio._fields import read_time
from kiq_trio._unwrapping import MAILERS, WRAPPERS
from kiq_trio.job import Job

_RAW_HTML = re.compile(r"[<>]")
_NO_CLASS = re.compile(r"[<>|/]")

_MAIL = 3
"""Where the arguments of a mail are, after its mailer, its method and how to send."""

LONGEST_RETRY_FOR = 1_000_000_000
"""Seconds; Sidekiq refuses more (wire.md §1.1)."""


def is_list_of_texts(value: Any) -> bool:
    """Whether a page can show *value* as a list: of tags, say."""
    return isinstance(value, list | tuple) and all(isinstance(x, str) for x in value)


def _is_container(value: Any) -> bool:
    return isinstance(value, list | tuple | Mapping)


_LISTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "tags": (is_list_of_texts, "a list of texts"),
    "cattr": (_is_container, "a list or an object"),
}
"""What breaks the lists of jobs."""


def find_fault(job: Job) -> str | None:
    """Return what breaks a list that *job* is shown in; None if nothing does."""
    rest = job.rest
    if job.job_class in WRAPPERS:
        fault = find_in_envelope(job.job_class, job.args, rest.get("wrapped"))
        if fault is not None:
            return fault
    elif not job.args and rest.get("encrypt"):
        return "args is empty, and encrypt is set"
    return _find(rest, _LISTED)


def find_in_envelope(job_class: Any, args: Any, wrapped: Any) -> str | None:
    """Return what is wrong with an envelope of Active Job; None if it is none.

    Sidekiq's UI opens it without a look (wire.md §1.5).
    """
    if job_class not in WRAPPERS:
        return None
    if not isinstance(args, list | tuple) or not args:
        return "args is empty, and not the envelope of Active Job"
    first = args[0]
    # Those who named the class there, before there was `wrapped`, had no envelope.
    if not wrapped and first not in MAILERS:
        return None
    if not isinstance(first, Mapping):
        return f"args must hold the envelope of Active Job, got {_kind(first)}"
    return _find_in_mail(wrapped, first.get("arguments"))


def _find_in_mail(wrapped: Any, arguments: Any) -> str | None:
    """Return what is wrong with a mail of Rails'; None if it is none."""
    if wrapped not in MAILERS:
        return None
    if not isinstance(arguments, list | tuple):
        return f"arguments of {wrapped} must be a list, got {_kind(arguments)}"
    has_its_own = len(arguments) > _MAIL and isinstance(arguments[_MAIL], Mapping)
    if wrapped == MAILERS[1] and not has_its_own:
        return f"arguments of {wrapped} lack those of the mail"
    return None


def _kind(value: Any) -> str:
    """Return what *value* is: it belongs to a job, and a log is to hold none of it."""
    return f"something of type {type(value).__name__}"


def missing_times(fields: Mapping[str, Any], written: float) -> dict[str, float]:
    """Return the times of a failure that a payload lacks.

    Sidekiq's page of a failed job does not go without them (wire.md §8.2). Somebody
    may give up what has never failed, or whoever counted forgot them.

    Args:
        fields: what the payload says.
        written: the time, as our Sidekiq writes it.
    """
    missing = {}
    if read_time(fields.get("failed_at")) is None:
        missing["failed_at"] = written
    count = fields.get("retry_count")
    if type(count) is int and count > 0 and read_time(fields.get("retried_at")) is None:
        missing["retried_at"] = written
    return missing


@functools.lru_cache(1_000)
def is_class_name(name: str) -> bool:
    """Whether Sidekiq's UI can show a class of that name, and link to its metrics."""
    return _NO_CLASS.search(name) is None


def is_plain(text: str) -> bool:
    """Whether the UI, which does not escape *text*, prints it as it is."""
    return "<" not in text and ">" not in text


def plain(text: str) -> str:
    """Return *text* as the UI may print it, which does not escape it."""
    return _RAW_HTML.sub("", text)


def _find(
    rest: Mapping[str, Any], rules: Mapping[str, tuple[Callable[[Any], bool], str]]
) -> str | None:
    if rules.keys().isdisjoint(rest):
        return None
    for name in rules.keys() & rest.keys():
        value, (fits, what) = rest[name], rules[name]
        if value is not None and not fits(value):
            return f"{name} must be {what}, got {value!r}"
    return None
