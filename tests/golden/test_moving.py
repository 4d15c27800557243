"""What others have written is moved on by us, and differs by what must (wire.md §2.4).

The order of fields is kept: so the bytes of what is not touched are.
"""

import json
from typing import Any

import pytest
from hypothesis import given

from kiq_trio._keeping import give_up
from kiq_trio._repush import put_off, repush
from kiq_trio.config import Config
from kiq_trio.encoder import encode
from kiq_trio.errors import DecodeError
from tests.golden.corpus import as_shown, read_payloads, spell
from tests.words.test_job import other_fields

NOW = 1_795_318_300.25
TOUCHED = {"created_at", "enqueued_at", "tags", "cattr", "encrypt"}

all_payloads = pytest.mark.parametrize("payload", read_payloads())
all_sidekiqs = pytest.mark.parametrize("sidekiq", [8, 7, 6])


def completed(given: dict[str, Any], written: float) -> dict[str, Any]:
    """Return what Sidekiq's poller pushes, but for a jid that it makes up."""
    fields = {name: value for name, value in given.items() if name != "at"}
    fields["args"] = given.get("args") or []
    fields.setdefault("queue", "default")
    fields.setdefault("jid", None)
    fields.setdefault("retry", True)
    fields.setdefault("created_at", written)
    fields["enqueued_at"] = written
    return fields


@all_sidekiqs
@all_payloads
def test_what_is_moved_on_differs_by_one_field_and_not_by_its_order(
    payload: str, sidekiq: int
) -> None:
    given = json.loads(payload)
    written = Config(sidekiq=sidekiq).write_time(NOW)
    wanted = completed(given, written)
    if given.get("encrypt") and not given["args"]:
        with pytest.raises(DecodeError, match="encrypt is set"):
            repush(payload.encode(), written)
        return

    moved = repush(payload.encode(), written).payload

    fields = json.loads(moved)
    if "jid" not in given:
        wanted["jid"] = fields["jid"]
    assert json.dumps(fields) == json.dumps(wanted)
    times = 1 if "created_at" in given else 2
    assert moved.count(json.dumps(written).encode()) == times


@all_payloads
def test_what_is_put_off_loses_its_time_in_the_queue_and_not_a_byte_more(
    payload: str,
) -> None:
    given = json.loads(payload)

    kept = put_off(payload.encode(), NOW, "default")

    without = {n: given[n] for n in given if n not in {"at", "enqueued_at"}}
    wanted = as_shown(without, NOW)
    wanted.setdefault("queue", "default")
    assert list(json.loads(kept).items()) == list(wanted.items())
    head, comma, rest = payload.rpartition(',"enqueued_at":')
    if comma and "," not in rest and wanted == without:
        # Whoever wrote it, and however: 1.0e+15, as Ruby spells that.
        assert kept == f"{head}}}".encode()


@all_sidekiqs
@all_payloads
def test_what_is_given_up_differs_by_the_times_that_it_lacks(
    payload: str, sidekiq: int
) -> None:
    given = json.loads(payload)
    written = Config(sidekiq=sidekiq).write_time(NOW)
    shown = as_shown(given, written)
    wanted = {"queue": "default", "failed_at": written} | shown
    if given.get("retry_count"):
        wanted.setdefault("retried_at", written)

    given_up = json.loads(give_up(payload.encode(), written))

    assert spell(given_up) == spell(wanted)
    kept = [name for name in given if name in shown]
    assert [*given_up][: len(kept)] == kept


@given(rest=other_fields.filter(lambda rest: not rest.keys() & TOUCHED))
def test_whatever_else_a_payload_says_is_moved_on_by_value_and_in_order(
    rest: dict[str, Any],
) -> None:
    fields = {"class": "A", **rest, "args": [1], "queue": "q", "jid": "1"}
    payload = encode(fields)

    moved = json.loads(repush(payload, 5).payload)
    waiting = json.loads(put_off(repush(payload, 5).payload, 5, "q"))

    times = {"retry": True, "created_at": 5, "enqueued_at": 5}
    assert list(moved.items()) == [*fields.items(), *times.items()]
    del moved["enqueued_at"]
    assert list(waiting.items()) == list(moved.items())
