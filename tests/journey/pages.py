"""What breaks or garbles a page of Sidekiq's UI, row by row (wire.md §8.2, §8.3)."""

import base64
import json
import re
import zlib
from collections.abc import Callable
from typing import Any, TypeAlias

Fields: TypeAlias = dict[str, Any]
Rule: TypeAlias = Callable[[str, Fields], bool]
"""Given where a payload is and what it says, whether all is well."""

TIMES = ("created_at", "enqueued_at", "failed_at", "retried_at", "discarded_at")
_WRAPPERS = (
    "Sidekiq::ActiveJob::Wrapper",
    "ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper",
)
_RAN = ("retry", "dead")


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
    lines = json.loads(zlib.decompress(base64.b64decode(packed, validate=True)))
    return all(isinstance(line, str) and not re.search(r"[<>]", line) for line in lines)


def _is_plain(_: str, fields: Fields) -> bool:
    shown = [fields.get(name, "") for name in ("class", "jid", "error_class")]
    return not any(re.search(r"[<>]", text) for text in [*shown, *fields["tags"]])


RULES: dict[str, Rule] = {
    "there is a queue that a page can be linked to": lambda _, fields: (
        re.fullmatch(r"[A-Za-z0-9_:.-]+", fields.get("queue", "")) is not None
    ),
    "there is no time to obey a second time": lambda _, fields: "at" not in fields,
    "tags are a list of texts": lambda _, fields: (
        isinstance(fields["tags"], list)
        and all(isinstance(tag, str) for tag in fields["tags"])
    ),
    "args are a list": lambda _, fields: isinstance(fields.get("args", []), list),
    "what is shown of args is there": lambda _, fields: (
        bool(fields.get("args"))
        or not (fields.get("encrypt") or fields.get("class") in _WRAPPERS)
    ),
    "cattr is no text": lambda _, fields: not isinstance(fields.get("cattr"), str),
    "the class has a page of metrics": lambda _, fields: (
        re.search(r"[/|]", fields.get("class", "")) is None
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


def broken_rules(place: str, payload: bytes, sidekiq: int) -> list[str]:
    """Return the rules that *payload* breaks where it is."""
    fields = json.loads(payload)
    if payload != json.dumps(
        fields, separators=(",", ":"), ensure_ascii=False
    ).encode() and not re.search(rb"\de[+-]?\d", payload):
        return ["it is spelled as Ruby spells it"]
    fields.setdefault("tags", [])
    rules = {**RULES, "times are those of this Sidekiq": _is_time(sidekiq)}
    return [name for name, holds in rules.items() if not holds(place, fields)]


def broken_rules_of_process(fields: dict[str, str], work: dict[str, str]) -> list[str]:
    """Return what is wrong with how a process shows itself."""
    info = json.loads(fields["info"])
    runs = [json.loads(value) for value in work.values()]
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
        "a run has a queue": all(isinstance(run["queue"], str) for run in runs),
        "a run began in whole seconds": all(
            type(run["run_at"]) is int and run["run_at"] < 10**10 for run in runs
        ),
    }
    return [name for name, is_well in holds.items() if not is_well]
