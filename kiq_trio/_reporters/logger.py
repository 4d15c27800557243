"""Writes one line for each thing that happens to a job."""

import logging
import traceback
from collections.abc import Sequence
from typing import Any

import attrs

from kiq_trio import encoder
from kiq_trio._printing import printable, printable_json
from kiq_trio._reporters.tracebacks import write_traceback
from kiq_trio.config import LogFormat
from kiq_trio.errors import ArgumentError
from kiq_trio.events import KINDS, Aborted, Ended, Event, Failed, Snoozed, Started
from kiq_trio.job import Job
from kiq_trio.reporter import Reporter

logger = logging.getLogger("kiq_trio.jobs")

_FIELD_LIMIT = 4_096
_NOT_TOLD = "see the job's error_message"
_BAD_NEWS = frozenset({Failed, Aborted})


class Logger(Reporter):
    """Logs jobs to the logger `kiq_trio.jobs`, for machines or for people.

    For machines a line is JSON, with Kiq's fields; handlers that want the fields
    themselves find them in the record's attribute `kiq`, whatever the format.
    Failures and aborts are warnings, everything else is for information. A failure
    has its traceback: in a field, or below the line for people. Arguments and local
    variables are never logged: they may be secrets.

    Args:
        format: "json" or "human".
    """

    def __init__(self, format: LogFormat = "json") -> None:  # noqa: A002 - it is one.
        self._write = _to_json if format == "json" else _to_sentence

    def __repr__(self) -> str:
        return "<Logger>"

    def interests(self) -> frozenset[type]:
        """Listen only to what the logger's level lets through."""
        if logger.isEnabledFor(logging.INFO):
            return KINDS
        return _BAD_NEWS if logger.isEnabledFor(logging.WARNING) else frozenset()

    async def handle_events(self, events: Sequence[Event]) -> None:
        """Write a line for each event."""
        for event in events:
            level = logging.INFO
            if type(event) is Ended and type(event.outcome) in _BAD_NEWS:
                level = logging.WARNING
            fields = describe(event)
            logger.log(level, "%s", self._write(fields), extra={"kiq": fields})


def describe(event: Event) -> dict[str, Any]:
    """Return the fields of the line for *event*."""
    if type(event) is Started:
        return _fields("job_started", event.job)
    assert type(event) is Ended
    outcome = event.outcome
    fields = _fields(f"job_{_NAMES[type(outcome).__name__]}", event.job)
    fields["timing"] = round(outcome.took, 6)
    if type(outcome) is Aborted:
        fields["reason"] = outcome.reason
        if outcome.detail:
            fields["detail"] = _cut(outcome.detail)
    elif type(outcome) is Snoozed:
        fields["seconds"] = outcome.seconds
    elif type(outcome) is Failed:
        fields["error"] = type(outcome.error).__name__
        fields["message"] = _text_of(outcome.error)
        fields["retry_count"] = _retry_count_now(event.job)
        if not isinstance(outcome.error, ArgumentError):
            fields["traceback"] = _encodable(write_traceback(outcome.error))
    return fields


_NAMES = {
    "Succeeded": "success",
    "Failed": "failure",
    "Aborted": "aborted",
    "Interrupted": "interrupted",
    "Snoozed": "snoozed",
}


def _to_json(fields: dict[str, Any]) -> str:
    return printable_json(encoder.encode(fields).decode())


def _to_sentence(fields: dict[str, Any]) -> str:
    """Return *fields* as `Mailer 3f2a in mail: failure after 1.5 s, ValueError: no`."""
    event = fields["event"].removeprefix("job_")
    line = f"{fields['worker']} {fields['jid']} in {fields['queue']}: {event}"
    if "timing" in fields:
        line += f" after {fields['timing']:.3g} s"
    if "seconds" in fields:
        line += f", again in {fields['seconds']:g} s"
    if count := fields.get("retry_count"):
        line += f", retry {count}"
    told = [fields[name] for name in ("reason", "detail", "message") if name in fields]
    # Whatever an error or a name holds, a line is a line.
    line = printable(" ".join(", ".join([line, *told]).split()))
    below = fields.get("traceback", "").splitlines()
    # Indented, so that none of them can pass for a line of the log.
    return "\n".join([line, *(f"    {printable(one)}" for one in below)])


def _fields(event: str, job: Job) -> dict[str, Any]:
    return {
        "source": "kiq",
        "event": event,
        "jid": job.jid[:_FIELD_LIMIT],
        "queue": job.queue[:_FIELD_LIMIT],
        "worker": job.job_class[:_FIELD_LIMIT],
    }


def _text_of(error: BaseException) -> str:
    if isinstance(error, ArgumentError):
        # What does not fit is an argument, and stands in the rest of its text.
        error = attrs.evolve(error, reason=_NOT_TOLD)
    lines = traceback.format_exception_only(error)
    return _cut("".join(lines).strip())


def _cut(text: str) -> str:
    return _encodable(text[:_FIELD_LIMIT])


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _retry_count_now(job: Job) -> int:
    """Return what the payload says after this failure: 0 after the first."""
    return 0 if job.retry_count is None else job.retry_count + 1
