"""Each rule of what hurts a page finds what hurts it (wire.md §8.2, §8.3)."""

import json
from typing import Any

import pytest

from kiq_trio._unwrapping import pack_lines
from tests.journey.pages import RULES, broken_rules, rules_of

MS = 1_795_318_226_776
WELL = {
    "class": "A",
    "args": [1],
    "queue": "q",
    "jid": "1",
    "created_at": MS,
    "enqueued_at": MS,
    "failed_at": MS,
    "retry_count": 0,
}
WRAPPER = {"class": "Sidekiq::ActiveJob::Wrapper", "wrapped": "M"}
MAIL = {**WRAPPER, "wrapped": "ActionMailer::MailDeliveryJob"}
OLD_MAIL = {**WRAPPER, "wrapped": "ActionMailer::DeliveryJob"}

QUEUE = "there is a queue that a page can be linked to"
AT = "there is no time to obey a second time"
TAGS = "tags are a list of texts"
ARGS = "args are a list"
SHOWN = "what is shown of args is there"
NAMED = "an envelope is shown by a plain name"
CATTR = "cattr is no text"
METRICS = "the class has a page of metrics"
COUNTED = "a job that failed says when"
BACKTRACE = "a backtrace can be read"
PLAIN = "what is not escaped is no HTML"
WAITING = "in the schedule no job says when it was enqueued"
ENQUEUED = "elsewhere it does"
TIMES = "times are those of this Sidekiq"

BREAKING: tuple[tuple[str, dict[str, Any]], ...] = (
    (QUEUE, {"queue": None}),
    (QUEUE, {"queue": "a b"}),
    (QUEUE, {"queue": "a/b"}),
    (AT, {"at": None}),
    (TAGS, {"tags": "a"}),
    (TAGS, {"tags": [1]}),
    (ARGS, {"args": 7}),
    (SHOWN, {**WRAPPER, "args": []}),
    (SHOWN, {**WRAPPER, "args": [1]}),
    (SHOWN, {**WRAPPER, "args": [None]}),
    (SHOWN, {**MAIL, "args": [{"arguments": 5}]}),
    (SHOWN, {**MAIL, "args": [{"arguments": ["U", "w", "deliver_now"]}]}),
    (SHOWN, {"encrypt": True, "args": []}),
    (NAMED, {**MAIL, "args": [{"arguments": ["<b>", "w", "now", {"args": []}]}]}),
    (NAMED, {**MAIL, "args": [{"arguments": ["U", "<b>", "now", {"args": []}]}]}),
    (NAMED, {**MAIL, "args": [{"arguments": ["U", 5, "now", {"args": []}]}]}),
    (NAMED, {**OLD_MAIL, "args": [{"arguments": ["U", "a|b"]}]}),
    (NAMED, {**OLD_MAIL, "args": [{"arguments": ["a/b", "w"]}]}),
    (NAMED, {**OLD_MAIL, "args": [{"arguments": ["U"]}]}),
    (NAMED, {**WRAPPER, "wrapped": None, "args": [{"job_class": "<b>"}]}),
    (NAMED, {**WRAPPER, "wrapped": ..., "args": [{"arguments": ["<b>"]}]}),
    (CATTR, {"cattr": "x"}),
    (METRICS, {"class": "a/b"}),
    (METRICS, {"class": "a|b"}),
    (METRICS, {**WRAPPER, "args": [{}], "wrapped": "a|b"}),
    (COUNTED, {"retry_count": "0"}),
    (COUNTED, {"retry_count": 1}),
    (COUNTED, {"failed_at": ...}),
    (COUNTED, {"failed_at": ..., "retry_count": ...}),
    (BACKTRACE, {"error_backtrace": "junk"}),
    (BACKTRACE, {"error_backtrace": ["a"]}),
    (BACKTRACE, {"error_backtrace": pack_lines(["a.rb:1:in <main>"])}),
    (PLAIN, {"class": "f.<locals>.g"}),
    (PLAIN, {"display_class": "<b>"}),
    (PLAIN, {**WRAPPER, "args": [{}], "wrapped": "<b>"}),
    (PLAIN, {"tags": ["<b>"]}),
    (PLAIN, {"jid": "<b>"}),
    (PLAIN, {"bid": "<b>"}),
    (PLAIN, {"error_class": "<b>"}),
    (PLAIN, {"foo": {"bar": ["<b>"]}}),
    (PLAIN, {"cattr": {"<b>": 1}}),
    (PLAIN, {"<b>": 1}),
    (PLAIN, {"<b>": None}),
    (ENQUEUED, {"enqueued_at": ...}),
    *(
        (TIMES, {name: value, "retry_count": 0})
        for name in ("created_at", "enqueued_at", "failed_at", "retried_at")
        for value in ("2026-11-22T03:30:26Z", MS // 1000, MS / 1000, True)
    ),
    (TIMES, {"discarded_at": "x"}),
)
"""Jobs of which each breaks one rule alone; a field that is `...` is missing."""


def spell(fields: dict[str, Any]) -> bytes:
    said = {name: value for name, value in fields.items() if value is not ...}
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(("rule", "fields"), BREAKING)
def test_what_breaks_a_page_breaks_the_rule_of_it(
    rule: str, fields: dict[str, Any]
) -> None:
    assert broken_rules("retry", spell(WELL), 8) == []
    assert broken_rules("retry", spell(WELL | fields), 8) == [rule]


def test_a_time_in_the_schedule_breaks_a_rule() -> None:
    fields = {**WELL, "failed_at": ..., "retry_count": ...}

    assert broken_rules("schedule", spell(fields), 8) == [WAITING]


@pytest.mark.parametrize("payload", [b"[1]", b"5", b"null", b'"x"', b"junk"])
def test_what_is_no_job_breaks_a_rule(payload: bytes) -> None:
    assert broken_rules("retry", payload, 8) == ["it is a job"]


@pytest.mark.parametrize("payload", [b'{"a": 1}', b'{"a":"\\u00e9"}'])
def test_what_ruby_spells_otherwise_breaks_a_rule(payload: bytes) -> None:
    assert broken_rules("retry", payload, 8) == ["it is spelled as Ruby spells it"]


def test_there_is_a_job_for_each_rule() -> None:
    assert {rule for rule, _ in BREAKING} | {WAITING} == rules_of(8).keys()
    assert len(rules_of(8)) == len(RULES) + 1
