"""What breaks or garbles a page of Sidekiq's UI, row by row (wire.md §8.2, §8.3)."""

import base64
import json
import re
import zlib
from collections.abc import Callable
from typing import Any, TypeAlias

from kiq_trio.encoder import encode

Fields: TypeAlias = dict[str, Any]
Rule: TypeAlias = Callable[[str, Fields], bool]
"""Given where a payload is and what it says, whether all is well."""

TIMES = ("created_at", "enqueued_at", "failed_at", "retried_at", "discarded_at")
_WRAPPERS = (
    "Sidekiq::ActiveJob::Wrapper",
    "ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper",
)
_MAILERS = ("ActionMailer::DeliveryJob", "ActionMailer::MailDeliveryJob")
_RAN = ("retry", "dead")
_ESCAPED = {"args", "error_message", "error_backtrace", "kiq_kept"}
"""What a page prints in no other way, or in one that has its own rule.

What was not right to begin with is no better as `kiq_kept` says it.
"""


def _is_time(sidekiq: int) -> Rule:
    kind = int if sidekiq >= 8 else float
    low, high = (1e12, 1e14) if sidekiq >= 8 else (1e9, 1e10)
    return lambda _, fields: all(
        type(fields[name]) is kind and low < fields[name] < high
        for name in TIMES
        if name in fields
    )


def _is_counted(place: str, fields: Fields) -> bool:
    count = fields.get("retry_count")
    if place not in _RAN:
        return count is None or type(count) is int
    if count is not None and type(count) is not int:
        return False
    return "retried_at" in fields if (count or 0) > 0 else "failed_at" in fields


def _has_a_backtrace_that_inflates(_: str, fields: Fields) -> bool:
    packed = fields.get("error_backtrace")
    if packed is None:
        return True
    try:
        lines = json.loads(zlib.decompress(base64.b64decode(packed, validate=True)))
    except (TypeError, ValueError, zlib.error):
        return False
    return all(isinstance(line, str) and not re.search(r"[<>]", line) for line in lines)


def _is_plain(_: str, fields: Fields) -> bool:
    shown = {name: fields[name] for name in fields.keys() - _ESCAPED}
    return re.search(r"[<>]", json.dumps(shown)) is None


def _has_what_is_shown(_: str, fields: Fields) -> bool:
    args, wrapped = fields.get("args"), fields.get("wrapped")
    if fields.get("class") not in _WRAPPERS:
        return bool(args) or not fields.get("encrypt")
    if not args or (wrapped and not isinstance(args[0], dict)):
        return False
    if wrapped != "ActionMailer::MailDeliveryJob":
        return True
    mail = args[0].get("arguments")
    return isinstance(mail, list) and len(mail) > 3 and isinstance(mail[3], dict)


def _is_shown_by_a_name(_: str, fields: Fields) -> bool:
    """Whether what is shown as the class of an envelope is a name, or plain at least.

    Of a mail that is its mailer and its method, and all of what is not `wrapped`.
    """
    args = fields.get("args")
    first = args[0] if isinstance(args, list) and args else None
    if fields.get("class") not in _WRAPPERS or not isinstance(first, dict):
        return True
    if not fields.get("wrapped"):
        return re.search(r"[<>]", json.dumps(first)) is None
    mail = first.get("arguments")
    if fields["wrapped"] not in _MAILERS or not isinstance(mail, list):
        return True
    return len(mail) > 1 and all(
        isinstance(name, str) and not re.search(r"[<>|/]", name) for name in mail[:2]
    )


RULES: dict[str, Rule] = {
    "there is a queue that a page can be linked to": lambda _, fields: (
        re.fullmatch(r"[A-Za-z0-9_:.-]+", fields.get("queue") or "") is not None
    ),
    "there is no time to obey a second time": lambda _, fields: "at" not in fields,
    "tags are a list of texts": lambda _, fields: (
        isinstance(fields["tags"], list)
        and all(isinstance(tag, str) for tag in fields["tags"])
    ),
    "args are a list": lambda _, fields: isinstance(fields.get("args", []), list),
    "what is shown of args is there": _has_what_is_shown,
    "an envelope is shown by a plain name": _is_shown_by_a_name,
    "cattr is no text": lambda _, fields: not isinstance(fields.get("cattr"), str),
    "the class has a page of metrics": lambda _, fields: (
        re.search(r"[/|]", fields.get("wrapped") or fields.get("class", "")) is None
    ),
    "a job that failed says when": _is_counted,
    "a backtrace can be read": _has_a_backtrace_that_inflates,
    "what is not escaped is no HTML": _is_plain,
    "in the schedule no job says when it was enqueued": lambda place, fields: (
        place != "schedule" or "enqueued_at" not in fields
    ),
    "elsewhere it does": lambda place, fields: (
        place == "schedule" or "enqueued_at" in fields
    ),
}


def _spell(fields: Fields) -> bytes:
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    # That ours is Ruby's way with exponents is asked of Ruby, in tests/interop.
    return encode(fields) if re.search(r"\de[+-]?\d", text) else text.encode()


def broken_rules(place: str, payload: bytes, sidekiq: int) -> list[str]:
    """Return the rules that *payload* breaks where it is."""
    try:
        fields = json.loads(payload)
    except ValueError:
        fields = None
    if type(fields) is not dict:
        return ["it is a job"]
    if payload != _spell(fields):
        return ["it is spelled as Ruby spells it"]
    fields.setdefault("tags", [])
    rules = rules_of(sidekiq)
    return [name for name, holds in rules.items() if not holds(place, fields)]


def rules_of(sidekiq: int) -> dict[str, Rule]:
    """Return the rules of the pages of that Sidekiq."""
    return {**RULES, "times are those of this Sidekiq": _is_time(sidekiq)}


def broken_rules_of_process(fields: dict[str, str], work: dict[str, str]) -> list[str]:
    """Return what is wrong with how a process shows itself."""
    info = json.loads(fields["info"])
    runs = [json.loads(value) for value in work.values()]
    running = [json.loads(run["payload"]) for run in runs]
    holds = {
        "capsules have weights": all(
            isinstance(one["weights"], dict) for one in info["capsules"].values()
        ),
        "there are queues for older pages": isinstance(info["queues"], list),
        "weights are one object a capsule": len(info["weights"])
        == len(info["capsules"]),
        "labels are a list": isinstance(info["labels"], list),
        "it began at a time in seconds": 1e9 < info["started_at"] < 1e10,
        "hostname is text": isinstance(info["hostname"], str),
        "embedded is true or false": isinstance(info["embedded"], bool),
        "threads are told twice": int(fields["concurrency"]) == info["concurrency"] > 0,
        "quiet is lower case": fields["quiet"] in {"true", "false"},
        "memory is in KiB": int(fields["rss"]) < 10**8,
        "a run has a payload": all(isinstance(run["payload"], str) for run in runs),
        "a run can be listed": all(
            RULES[rule]("", {"tags": [], **job})
            for job in running
            for rule in (
                "tags are a list of texts",
                "what is shown of args is there",
                "cattr is no text",
            )
        ),
        "a run has a queue": all(isinstance(run["queue"], str) for run in runs),
        "a run began in whole seconds": all(
            type(run["run_at"]) is int and run["run_at"] < 10**10 for run in runs
        ),
    }
    return [name for name, is_well in holds.items() if not is_well]
