"""What others have written, and what has to stay of it in our hands."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

from kiq_trio.job import Job

OWN = ("class", "args", "queue", "jid", "retry", "at")
"""Fields that have a place of their own in a `Job`."""


def read_payloads() -> list[str]:
    """Return the golden payloads."""
    text = (Path(__file__).parent / "payloads.txt").read_text(encoding="utf-8")
    # Not `splitlines`, for which a raw U+2028 ends a line as well.
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def of_jid(jid: str) -> str:
    """Return the golden payload of that jid."""
    [found] = [one for one in read_payloads() if json.loads(one).get("jid") == jid]
    return found


def assert_lossless(payload: str) -> None:
    """The way through a `Job` keeps every field, the foreign ones in their order."""
    given = json.loads(payload)

    job = Job.decode(payload.encode())
    kept = json.loads(job.encode())

    assert Job.decode(job.encode()).encode() == job.encode()
    assert spell(kept) == spell(as_understood(given))
    assert foreign(kept) == foreign(given)


def spell(fields: Any) -> str:
    """Return *fields* as a text that tells 1 from 1.0 and from true."""
    return json.dumps(fields, sort_keys=True)


def foreign(fields: dict[str, Any]) -> list[str]:
    """Return the names of the fields that are no concern of ours."""
    return [name for name in fields if name not in OWN]


def as_shown(given: dict[str, Any], written: float) -> dict[str, Any]:
    """Return what pages of Sidekiq 8 can show of it (wire.md §8.2).

    The corpus holds three such things: what no argument is hidden of, a backtrace and
    a time as they were in 2013.
    """
    fields, kept = dict(given), {}
    if given.get("encrypt") and not given.get("args"):
        kept["encrypt"] = fields.pop("encrypt")
    if isinstance(given.get("error_backtrace"), list):
        kept["error_backtrace"] = given["error_backtrace"]
        packed = zlib.compress(json.dumps(given["error_backtrace"]).encode())
        fields["error_backtrace"] = base64.b64encode(packed).decode()
    if isinstance(given.get("failed_at"), str):
        kept["failed_at"] = given["failed_at"]
        assert given["failed_at"] == "2013-07-29 03:26:41 UTC"
        is_new = type(written) is int
        fields["failed_at"] = 1_375_068_401_000 if is_new else 1_375_068_401.0
    return {**fields, "kiq_kept": kept} if kept else fields


def as_understood(given: dict[str, Any]) -> dict[str, Any]:
    """Return what Sidekiq itself would make of it (wire.md §1.1, §2.4)."""
    kept = {name: value for name, value in given.items() if name != "at"}
    kept["args"] = given.get("args") or []
    kept.setdefault("queue", "default")
    return kept
