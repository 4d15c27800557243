"""What a payload says to people: class, arguments and backtrace, unwrapped.

Rails' Active Job puts a job of its own into the arguments of another (wire.md §1.5);
Sidekiq packs the backtrace of a failure (wire.md §1.4).
"""

import base64
import binascii
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kiq_trio import encoder
from kiq_trio.errors import DecodeError
from kiq_trio.job import Job

WRAPPERS = (
    "Sidekiq::ActiveJob::Wrapper",
    "ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper",
)
"""The classes whose arguments are Rails' envelope (wire.md §1.5)."""

MAILERS = ("ActionMailer::DeliveryJob", "ActionMailer::MailDeliveryJob")
"""Rails' jobs of which Sidekiq's UI shows what they wrap in turn."""

_MAIL = ("params", "args")
"""What the newer of them packs into one object."""

_MARK = "_aj_"
_OF_A_MODEL = "_aj_globalid"
_MOST = 2**22
"""Nobody's backtrace has more bytes; what is packed may claim to."""


def display_class(job: Job) -> str:
    """Return the class that people know *job* by, as Sidekiq's UI shows it."""
    shown = job.rest.get("display_class")
    if isinstance(shown, str) and shown:
        return shown
    if job.job_class not in WRAPPERS:
        return job.job_class
    inner = _inner(job)
    name = job.rest.get("wrapped") or inner.get("job_class") or _old_name(job)
    if name in MAILERS:
        # They are all of one class; which mail it is are their first arguments.
        mailer = _arguments(inner)[:2]
        return "#".join(map(str, mailer)) if len(mailer) == 2 else str(name)
    return str(name)


def display_args(job: Job) -> list[Any]:
    """Return the arguments of *job* as people gave them.

    Without the marks of Active Job; the last one is left out if it is encrypted. Of a
    mail of Rails 6 and later they are two, as in Sidekiq since 7: its parameters, and
    a list of its arguments.
    """
    if job.job_class not in WRAPPERS:
        args = list(job.args)
        if job.rest.get("encrypt") and args:
            args[-1] = "[encrypted data]"
        return args
    inner = _inner(job)
    args = [_unmark(one) for one in _arguments(inner)]
    name = job.rest.get("wrapped") or inner.get("job_class")
    if name not in MAILERS:
        return args
    match args[3:]:
        case [{"args": _} as mail]:
            return [mail.get(part) for part in _MAIL]
        case given:
            return given


def read_backtrace(value: Any) -> list[str] | None:
    """Return the lines of an `error_backtrace` of any Sidekiq; None if it is none."""
    lines = value if isinstance(value, list) else unpack_lines(value)
    if lines is None:
        return None
    # So that Sidekiq's UI shows `<module>`, we store it escaped.
    return [str(one).replace("&lt;", "<").replace("&gt;", ">") for one in lines]


def pack_lines(lines: Iterable[str]) -> str:
    """Return the lines of a backtrace as Sidekiq stores them."""
    return base64.b64encode(zlib.compress(encoder.encode(list(lines)))).decode()


def unpack_lines(value: Any) -> list[Any] | None:
    """Return what `pack_lines` was given; None if that is not so."""
    if not isinstance(value, str):
        return None
    try:
        packed = base64.b64decode(value)
        lines = encoder.decode(zlib.decompressobj().decompress(packed, _MOST))
    except (binascii.Error, zlib.error, ValueError, DecodeError):
        return None
    return lines if isinstance(lines, list) else None


def _old_name(job: Job) -> str:
    # Long ago the class was all that stood there.
    first = job.args[0] if job.args else None
    return first if isinstance(first, str) and first else job.job_class


def _inner(job: Job) -> Mapping[str, Any]:
    first = job.args[0] if job.args else None
    return first if isinstance(first, dict) else {}


def _arguments(inner: Mapping[str, Any]) -> Sequence[Any]:
    arguments = inner.get("arguments")
    return arguments if isinstance(arguments, list) else []


def _unmark(value: Any) -> Any:
    if isinstance(value, list):
        return [_unmark(one) for one in value]
    if not isinstance(value, dict):
        return value
    if _OF_A_MODEL in value:
        return value[_OF_A_MODEL]
    return {
        name: _unmark(one) for name, one in value.items() if not name.startswith(_MARK)
    }
