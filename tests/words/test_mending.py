"""What others have written wrongly is shown all the same, and none of it is lost."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiq_trio._cutting import cut
from kiq_trio._keeping import KEPT_CLASS, give_up, make_shown, restore
from kiq_trio._repush import put_off, repush
from kiq_trio.encoder import encode
from kiq_trio.errors import DecodeError
from tests.words.test_job import json_values, other_fields

MS = 1_795_318_300_250
WRAPPER = "Sidekiq::ActiveJob::Wrapper"
MAIL = "ActionMailer::MailDeliveryJob"

NO_ENVELOPES: tuple[dict[str, Any], ...] = (
    {"args": []},
    {"args": None},
    {"args": [1], "wrapped": "M"},
    {"args": [None], "wrapped": "M"},
    {"args": [{"arguments": 5}], "wrapped": MAIL},
    {"args": [{"arguments": ["U", "welcome", "deliver_now"]}], "wrapped": MAIL},
    {"args": [MAIL]},
)


def spell(**fields: Any) -> bytes:
    return encode({"class": "A", "args": [1], "queue": "q", "jid": "1", **fields})


@pytest.mark.parametrize(
    ("name", "odd", "shown"),
    [
        ("tags", "a", ["a"]),
        ("tags", 5, ["5"]),
        ("tags", ["a", 1, None, {"b": 2}], ["a", "1", "null", '{"b": 2}']),
        ("cattr", "a", None),
        ("cattr", 5, None),
        ("retry_count", "4", 4),
        ("retry_count", "four", None),
        ("retry_count", True, None),
        ("created_at", "2026-11-22T03:30:26Z", 1_795_318_226_000),
        ("created_at", "1795318226", 1_795_318_226_000),
        ("enqueued_at", "yesterday", None),
        ("discarded_at", [5], None),
        ("retried_at", True, None),
        ("failed_at", 1e300, None),
        ("error_backtrace", "junk", None),
        ("error_backtrace", 5, None),
    ],
)
def test_what_no_page_can_show_is_read_as_what_it_meant_or_taken_away(
    name: str, odd: Any, shown: Any
) -> None:
    job = json.loads(make_shown(spell(**{name: odd}), MS, "q"))

    assert job.pop(name, None) == shown
    assert job == json.loads(spell(kiq_kept={name: odd}))


def test_nothing_is_decrypted_where_there_are_no_arguments() -> None:
    job = json.loads(make_shown(spell(encrypt=True, args=[]), MS, "q"))

    assert job == json.loads(spell(args=[], kiq_kept={"encrypt": True}))
    secret = spell(encrypt=True)
    assert make_shown(secret, MS, "q") == secret


def test_what_stood_there_first_is_kept_and_not_what_came_later() -> None:
    payload = spell(tags="b", cattr="c", kiq_kept={"tags": "a", "x": 1})

    job = json.loads(make_shown(payload, MS, "q"))

    assert job["kiq_kept"] == {"tags": "a", "x": 1, "cattr": "c"}
    foreign = json.loads(make_shown(spell(tags="b", kiq_kept=5), MS, "q"))
    assert foreign["kiq_kept"] == {"tags": "b", "kiq_kept": 5}


def test_times_are_written_as_our_sidekiq_reads_them() -> None:
    payload = spell(created_at="2026-11-22T03:30:26.5Z")

    assert json.loads(make_shown(payload, 5.5, "q"))["created_at"] == 1_795_318_226.5


@given(rest=other_fields)
def test_what_can_be_shown_keeps_its_bytes(rest: dict[str, Any]) -> None:
    odd = {"tags", "cattr", "encrypt", "error_backtrace", "retry_count", "kiq_kept"}
    usual = {n: v for n, v in rest.items() if n not in odd and not n.endswith("_at")}
    payload = encode({**usual, "class": "A", "args": [1]})

    assert make_shown(payload, MS, "q") is payload


@given(value=json_values.filter(lambda value: type(value) is not dict))
def test_what_is_no_object_comes_out_of_the_dead_set_to_the_byte(value: Any) -> None:
    payload = encode(value)

    kept = give_up(payload, MS, queue="q")

    job = json.loads(kept)
    assert restore(kept) == payload
    assert (job["class"], job["args"]) == (KEPT_CLASS, [payload.decode()])
    assert (job["queue"], job["retry"], job["failed_at"]) == ("q", 0, MS)
    assert "no page could show it" in job["error_message"]


@pytest.mark.parametrize("fields", NO_ENVELOPES)
def test_an_envelope_without_its_content_is_kept_and_goes_nowhere_else(
    fields: dict[str, Any],
) -> None:
    payload = spell(**{"class": WRAPPER, **fields})

    kept = give_up(payload, MS)

    assert restore(kept) == payload
    assert json.loads(kept)["jid"] == "1"
    assert make_shown(payload, MS, "q") == kept
    with pytest.raises(DecodeError, match=r"args|arguments"):
        put_off(payload, MS, "q")
    for one in (payload, kept):
        with pytest.raises(DecodeError, match=r"args|arguments"):
            repush(one, MS)


@pytest.mark.parametrize(
    "fields",
    [
        {"args": [{"arguments": 5}], "wrapped": "M"},
        {"args": [{}], "wrapped": "M"},
        {"args": ["Old::Class"]},
        {"args": [{"arguments": ["U", "w", "deliver_now", {}]}], "wrapped": MAIL},
    ],
)
def test_an_envelope_that_is_shown_somehow_stays_as_it_is(
    fields: dict[str, Any],
) -> None:
    payload = spell(**{"class": WRAPPER, **fields})

    assert make_shown(payload, MS, "q") == payload


@pytest.mark.parametrize(
    "payload",
    [
        b"junk",
        b"\xff",
        b'{"class":"kiq_trio.Kept"}',
        b'"kiq_trio.Kept"',
        b'{"class":"A","args":["kiq_trio.Kept"]}',
    ],
)
def test_nothing_is_restored_that_was_not_kept(payload: bytes) -> None:
    assert restore(payload) == payload


@pytest.mark.parametrize(
    "named", [b"", b',"queue":null', b',"queue":5', b',"queue":""']
)
def test_what_is_put_off_comes_back_to_the_queue_it_came_from(named: bytes) -> None:
    payload = b'{"class":"A","args":[1],"jid":"1"%s}' % named

    assert json.loads(put_off(payload, MS, "python"))["queue"] == "python"
    assert repush(put_off(payload, MS, "python"), MS).queue == "python"


def test_what_is_put_off_keeps_its_spelling() -> None:
    head = rb'{ "class" : "A",  "args":[1.0e+16,1e-7,"\u00e9\/",{"at":1}],"queue":"q"'

    assert put_off(head + b' ,"enqueued_at": 5.0 }', MS, "q") == head + b" }"
    assert put_off(head + b',"enqueued_at":5,"x":1}', MS, "q") == head + b',"x":1}'


@given(
    fields=st.dictionaries(st.sampled_from("abcd\u00e9"), json_values),
    space=st.sampled_from(["", " ", "\n\t"]),
)
def test_fields_are_cut_out_and_the_rest_is_not_touched(
    fields: dict[str, Any], space: str
) -> None:
    pair, comma = f":{space}", f"{space},{space}"
    text = json.dumps(fields, separators=(comma, pair))

    kept = cut(text.encode(), {"a", "c"})

    wanted = {name: fields[name] for name in fields if name not in {"a", "c"}}
    assert kept.decode() == json.dumps(wanted, separators=(comma, pair))


@pytest.mark.parametrize(
    "junk", [b"", b"[1]", b'{"a"', b'{"a":', b"{", b"\xff", b"{1}"]
)
def test_nothing_is_cut_out_of_what_is_no_object(junk: bytes) -> None:
    with pytest.raises(DecodeError):
        cut(junk, {"a"})


def test_the_message_names_what_was_wrong() -> None:
    job = json.loads(give_up(b"[1]", MS))

    assert re.search(r"JSON list, not an object$", job["error_message"])
