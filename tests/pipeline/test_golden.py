"""What real Sidekiqs wrote, by the examples of wire.md §1.7: we read and write it.

The order of fields is free (§1.6), so what we write is compared by value.
"""

import json
from typing import Any

import pytest
from hypothesis import given

from kiq_trio._fields import to_ms
from kiq_trio._pipeline.intake import prepare
from kiq_trio._pipeline.settlement import Circumstances, settle
from kiq_trio._repush import put_off, repush
from kiq_trio._store.settling import Kill, Retry
from kiq_trio.config import Config
from kiq_trio.encoder import encode
from kiq_trio.events import Failed
from kiq_trio.job import Job
from tests.words.test_job import other_fields

TOUCHED = {"created_at", "enqueued_at", "tags", "cattr", "encrypt"}

PUSHED = (
    b'{"retry":true,"queue":"q-1","tags":["a"],"args":[1,"x",{"k":null}],'
    b'"class":"HardJob","jid":"0c8a992d0910ba8b1c49e7f7","created_at":1795318226776,'
    b'"enqueued_at":1795318226777}'
)
SCHEDULED = (
    b'{"retry":true,"queue":"q-1","tags":["a"],"class":"HardJob","args":[1],'
    b'"jid":"0fa590c58b6664a187585a68","created_at":1795318226777}'
)
RETRIED = (
    '{"retry":2,"queue":"default","args":[1],"class":"FailJob",'
    '"jid":"41f594461b83d031b139c27e","created_at":1795318252172,'
    '"enqueued_at":1795318268358,"error_message":"boom é",'
    '"error_class":"ArgumentError","failed_at":1795318252564,"retry_count":1,'
    '"retried_at":1795318268359}'
).encode()
DEAD = (
    b'{"retry":0,"queue":"default","args":[],"class":"DieJob",'
    b'"jid":"55e54bae4b1437ba4f74f60e","created_at":1795318252172,'
    b'"enqueued_at":1795318252172,"error_message":"die","error_class":"RuntimeError",'
    b'"failed_at":1795318252570,"retry_count":0}'
)
OF_6_4_1 = (
    b'{"retry":true,"queue":"default","args":[],"class":"A",'
    b'"jid":"58a02b9862e0bcfe1e6be378","created_at":1795318838.2707376,'
    b'"enqueued_at":1795318838.2708182}'
)
OF_RAILS = (
    b'{"retry":true,"queue":"default","wrapped":"MailJob","args":[{"job_class":'
    b'"MailJob","job_id":"3f1c","provider_job_id":null,"queue_name":"default",'
    b'"priority":null,"arguments":[1],"executions":0,"exception_executions":{},'
    b'"locale":"en","timezone":"UTC","enqueued_at":"2026-11-22T03:30:26Z",'
    b'"scheduled_at":null}],"class":"Sidekiq::ActiveJob::Wrapper","jid":"b4a5",'
    b'"cattr":[[{"_aj_serialized":"SymbolSerializer","value":"user_id"},7]],'
    b'"created_at":1795318226776,"enqueued_at":1795318226777}'
)
ALL = (PUSHED, SCHEDULED, RETRIED, DEAD, OF_6_4_1, OF_RAILS)


@pytest.mark.parametrize("payload", ALL)
def test_every_example_says_the_same_after_we_had_it(payload: bytes) -> None:
    assert json.loads(Job.decode(payload).encode()) == json.loads(payload)


@pytest.mark.parametrize("sidekiq", [8, 7, 6])
@pytest.mark.parametrize("payload", ALL)
def test_what_is_moved_on_differs_by_one_field_and_not_by_its_order(
    payload: bytes, sidekiq: int
) -> None:
    written = Config(sidekiq=sidekiq).write_time(1_795_318_300.25)

    moved = repush(payload, written).payload

    fields = list(json.loads(payload).items())
    assert list(json.loads(moved).items()) == [
        (name, written if name == "enqueued_at" else value) for name, value in fields
    ] + ([] if "enqueued_at" in dict(fields) else [("enqueued_at", written)])
    assert moved.count(json.dumps(written).encode()) == 1


@given(rest=other_fields.filter(lambda rest: not rest.keys() & TOUCHED))
def test_whatever_else_a_payload_says_is_moved_on_by_value_and_in_order(
    rest: dict[str, Any],
) -> None:
    fields = {"class": "A", **rest, "args": [1], "queue": "q", "jid": "1"}
    payload = encode(fields)

    moved = json.loads(repush(payload, 5).payload)
    waiting = json.loads(put_off(repush(payload, 5).payload))

    times = {"retry": True, "created_at": 5, "enqueued_at": 5}
    assert list(moved.items()) == [*fields.items(), *times.items()]
    del moved["enqueued_at"]
    assert list(waiting.items()) == list(moved.items())


@pytest.mark.parametrize("payload", ALL)
def test_what_is_put_off_loses_its_time_in_the_queue_and_not_a_byte_more(
    payload: bytes,
) -> None:
    head, comma, _ = payload.rpartition(b',"enqueued_at":')
    expected = head + b"}" if comma and payload in (PUSHED, OF_6_4_1, OF_RAILS) else b""

    kept = put_off(payload)

    assert not expected or kept == expected
    assert "enqueued_at" not in json.loads(kept)


@pytest.mark.parametrize(
    ("payload", "sidekiq", "now"),
    [(PUSHED, 8, 1_795_318_226.777), (OF_6_4_1, 6, 1_795_318_838.2708182)],
)
def test_we_push_as_sidekiq_does(payload: bytes, sidekiq: int, now: float) -> None:
    fields = json.loads(payload)
    given = {name: value for name, value in fields.items() if name != "enqueued_at"}

    write_time = Config(sidekiq=sidekiq).write_time
    _, entry = prepare(given, now=now, jid="", write_time=write_time)

    assert json.loads(entry.payload) == fields


def test_we_schedule_as_sidekiq_does() -> None:
    fields = json.loads(SCHEDULED)
    del fields["created_at"]

    _, entry = prepare(fields, now=1_795_318_226.7775, jid="", at=1795318286.7775772)

    assert json.loads(entry.payload) == json.loads(SCHEDULED)
    assert repr(entry.score) == "1795318286.7775772"


class ArgumentError(Exception):
    """Named as Ruby's is, once its module is taken off."""


def fail_as_sidekiq(
    payload: bytes, *new: str, error: Exception, now: float, **given: Any
) -> tuple[Retry | Kill, dict[str, Any]]:
    """Undo what the failure wrote, and have us write it."""
    fields = {k: v for k, v in json.loads(payload).items() if k not in new}
    if "retried_at" in new:
        fields["retry_count"] = 0
    chance = Circumstances(now=now, random=lambda: 0.0, **given)
    settlement = settle(Job.from_map(fields), Failed(error, 0.1), chance)
    assert isinstance(settlement, Retry | Kill)
    written = json.loads(settlement.payload)
    written["error_class"] = written["error_class"].rpartition(".")[2]
    return settlement, written


def test_we_retry_as_sidekiq_does() -> None:
    error = ArgumentError("boom é")
    new = ("error_message", "error_class", "retried_at")
    now = 1_795_318_268.3595

    settlement, written = fail_as_sidekiq(RETRIED, *new, error=error, now=now)

    assert written == json.loads(RETRIED)
    # After the second failure: 1⁴ + 15 s and some chance.
    assert isinstance(settlement, Retry)
    assert settlement.at == now + 16


def test_we_bury_as_sidekiq_does() -> None:
    new = ("error_message", "error_class", "failed_at", "retry_count")
    error = RuntimeError("die")

    settlement, written = fail_as_sidekiq(DEAD, *new, error=error, now=1795318252.5705)

    assert written == json.loads(DEAD)
    assert isinstance(settlement, Kill)


def test_a_failure_is_told_to_sidekiq_7_in_seconds() -> None:
    new = ("error_message", "error_class", "failed_at", "retry_count")
    now, write_time = 1_795_318_252.5, Config(sidekiq=7).write_time

    _, written = fail_as_sidekiq(
        DEAD, *new, error=RuntimeError("die"), now=now, write_time=write_time
    )

    assert written == json.loads(DEAD) | {"failed_at": now}
    assert type(written["failed_at"]) is float
    # What others have written stays as it is.
    assert written["created_at"] == to_ms(1_795_318_252.1725)
