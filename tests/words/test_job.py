"""A job is data: what it says comes out of Redis as it went in."""

import contextlib
import json
import sys
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiq_trio._fields import read_time, time_writer
from kiq_trio.config import make_config
from kiq_trio.encoder import decode, encode
from kiq_trio.errors import ConfigError, DecodeError, EncodeError
from kiq_trio.job import Job
from kiq_trio.worker import worker
from kiq_trio.worker_class import Worker

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4
        )
    ),
    max_leaves=12,
)
OWN = {"class", "args", "queue", "jid", "retry", "at"}
other_fields = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
        lambda name: name not in OWN
    ),
    json_values,
    max_size=5,
)


@given(args=st.lists(json_values, max_size=4), rest=other_fields)
def test_every_field_survives_the_way_through_redis_by_value_and_in_order(
    args: list[Any], rest: dict[str, Any]
) -> None:
    job = Job(job_class="A", args=args, jid="1", rest=rest)

    again = Job.decode(job.encode())

    assert again == job
    assert list(again.rest) == list(rest)


@given(st.integers(min_value=2**53, max_value=2**80))
def test_integers_of_any_size_stay_exact(number: int) -> None:
    job = Job(job_class="A", args=[number, -number])

    assert Job.decode(job.encode()).args == [number, -number]


@given(args=st.lists(json_values, max_size=4))
def test_payloads_are_spelled_as_ruby_spells_them(args: list[Any]) -> None:
    payload = Job(job_class="A", args=args).encode().decode()

    assert json.loads(payload)["args"] == args
    assert '": ' not in payload.replace(json.dumps(args), "") or '": ' in str(args)


def test_text_is_written_raw_and_without_spaces() -> None:
    payload = Job(job_class="A", args=["é", {"k": 1}], jid="1").encode()

    assert (
        payload
        == (
            '{"class":"A","args":["é",{"k":1}],"queue":"default","jid":"1","retry":true}'
        ).encode()
    )


@pytest.mark.parametrize(
    ("number", "spelled"),
    [
        (0.0001, "0.0001"),
        (0.00001, "1.0e-05"),
        (-1.5e-7, "-1.5e-07"),
        (5e-324, "5.0e-324"),
        (999999999999999.9, "999999999999999.9"),
        (1e15, "1.0e+15"),
        (-1234567890123450.0, "-1.23456789012345e+15"),
        (1000000000000000.5, "1000000000000000.5"),
        (9999999999999998.0, "9.999999999999998e+15"),
        (1e16, "1.0e+16"),
        (1.5e300, "1.5e+300"),
        (-0.0, "-0.0"),
    ],
)
def test_floats_are_spelled_as_ruby_spells_them(number: float, spelled: str) -> None:
    text = '1e+16 "\\ 1000000000000000.0'

    payload = encode({text: [text, number, 2**80, 7]}).decode()

    said = json.dumps(text)
    assert payload == f"{{{said}:[{said},{spelled},{2**80},7]}}"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_stays_what_it_is_in_rubys_spelling(number: float) -> None:
    spelled = encode([number])

    assert repr(decode(spelled)) == repr([number])


def test_an_integer_may_have_as_many_digits_as_python_reads() -> None:
    longest = 10**4_300 - 1

    assert decode(encode([-longest])) == [-longest]
    with pytest.raises(EncodeError, match="an integer of more than 4,300 digits"):
        encode([longest + 1])


def test_it_has_fewer_if_python_is_told_so() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(1_000)
    try:
        with pytest.raises(EncodeError, match="1000 digits"):
            encode([10**2_000])
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ([float("nan")], "A: args[0]"),
        ([1, {"k": 1 << 20_000}], "A: args[1].k"),
        ([1, {"k": float("inf")}], "A: args[1].k"),
        ([{1: 2}], "A: args[0]"),
        ([b"bytes"], "A: args[0]"),
        ([[[{1, 2}]]], "A: args[0][0][0]"),
        ([object()], "A: args[0]"),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_path(
    args: list[Any], path: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        Job(job_class="A", args=args).encode()

    assert caught.value.path == path


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(EncodeError):
        Job(job_class="A", args=["\ud800"]).encode()


def test_deep_nesting_is_refused_before_ruby_would() -> None:
    deep: list[Any] = []
    for _ in range(120):
        deep = [deep]

    with pytest.raises(EncodeError, match="nested deeper than 100"):
        Job(job_class="A", args=deep).encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'"text"',
        b'{"args":[]}',
        b'{"class":""}',
        b'{"class":7,"args":[]}',
        b'{"class":"A","args":"text"}',
        b'{"class":"A","args":[NaN]}',
        b"\xff\xfe{}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_job_is_told_from_a_job(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        Job.decode(payload)


@given(st.binary(max_size=60))
def test_no_bytes_whatever_break_the_reader(payload: bytes) -> None:
    with contextlib.suppress(DecodeError):
        Job.decode(payload)


def test_a_job_without_args_or_queue_takes_what_sidekiq_would_give_it() -> None:
    job = Job.decode(b'{"class":"A","args":null}')

    assert (job.args, job.queue, job.retry) == ((), "default", None)


def test_the_time_to_run_is_never_stored() -> None:
    job = Job(job_class="A", at=1_795_318_286.5)

    assert "at" not in json.loads(job.encode())


def test_nothing_is_written_for_what_is_none() -> None:
    job = Job(job_class="A", jid="1").set(tags=None, error_message=None)

    assert set(json.loads(job.encode())) == {"class", "args", "queue", "jid", "retry"}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (1_795_318_226_776, 1_795_318_226.776),
        (1_795_318_838.27, 1_795_318_838.27),
        (1_795_318_226, 1_795_318_226.0),
        (1_795_318_226_776.0, 1_795_318_226.776),
        ("1795318226776", 1_795_318_226.776),
        ("1795318226.5", 1_795_318_226.5),
        ("2026-11-22T03:30:26Z", 1_795_318_226.0),
        ("2026-11-22T05:30:26.500+02:00", 1_795_318_226.5),
        ("2013-07-29 03:26:41 UTC", 1_375_068_401.0),
        ("2013-07-29 05:26:41 +0200", 1_375_068_401.0),
        ("2013-07-29 03:26:41", 1_375_068_401.0),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
        (10**400, None),
        (-(10**400), None),
        ([], None),
    ],
)
def test_times_of_every_sidekiq_are_read(written: Any, seconds: float | None) -> None:
    assert read_time(written) == seconds


@pytest.mark.parametrize(
    ("rest", "expires_at"),
    [
        ({}, None),
        ({"expires_at": 1_800_000_060_000, "expiry": 5.0}, 1_800_000_060.0),
        ({"expiry": 1_800_000_060.5, "expires_in": 9}, 1_800_000_060.5),
        ({"created_at": 1_800_000_000_000, "expires_in": 90}, 1_800_000_090.0),
        ({"created_at": 1_800_000_000_000, "expires_in": "90"}, None),
        ({"created_at": 1_800_000_000_000, "expires_in": 10**400}, None),
        ({"expires_in": 90}, None),
    ],
)
def test_whoever_wrote_it_a_job_says_when_it_expires(
    rest: dict[str, Any], expires_at: float | None
) -> None:
    assert Job(job_class="A", rest=rest).expires_at == expires_at


def test_what_kiq_knows_of_a_job_is_read_from_its_payload() -> None:
    job = Job.from_map(
        {
            "class": "A",
            "pid": "#PID<0.1.0>",
            "unique_token": "ab12",
            "unlocks_at": 1_800_000_000_500,
            "kiq_deadline": 1_800_000_001_000,
        }
    )

    assert (job.pid, job.unique_token) == ("#PID<0.1.0>", "ab12")
    assert (job.unlocks_at, job.deadline) == (1_800_000_000.5, 1_800_000_001.0)
    assert Job(job_class="A", rest={"unique_token": 5}).unique_token is None


@pytest.mark.parametrize(
    ("sidekiq", "json"),
    [(8, "1795318226776"), (7, "1795318226.7769"), (6, "1795318226.7769")],
)
def test_times_are_written_as_each_sidekiq_reads_them(sidekiq: int, json: str) -> None:
    written = time_writer(sidekiq)(1_795_318_226.7769)

    assert encode(written).decode() == json


def test_seconds_always_have_a_fraction_for_the_type_tells_the_unit() -> None:
    assert encode(time_writer(7)(1_795_318_226)) == b"1795318226.0"


def test_what_others_wrote_as_null_is_written_again() -> None:
    payload = b'{"class":"A","args":[],"queue":"q","jid":"1","retry":true,"x":null}'

    assert Job.decode(payload).encode() == payload


def test_a_field_that_is_set_to_none_is_gone() -> None:
    job = Job(job_class="A", rest={"x": None, "y": 1})

    assert job.set(y=None).rest == {"x": None}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *[(True, True), (False, False), (5, 5), (-1, 0), (None, None)],
        *[("5", True), ("", True), (2.5, True)],
    ],
)
def test_retry_is_read_as_sidekiq_reads_it(written: Any, read: Any) -> None:
    assert Job.from_map({"class": "A", "retry": written}).retry == read


def test_attributes_are_set_like_any_other_field() -> None:
    job = Job(job_class="A").set(queue="low", retry=3, bid="b", jid="1")

    assert (job.queue, job.retry, job.jid, job.rest) == ("low", 3, "1", {"bid": "b"})


def test_numbers_of_retries_without_measure_are_taken_for_many() -> None:
    job = Job.from_map({"class": "A", "retry": 10**100, "retry_count": 10**90})

    assert (job.retry, job.retry_count) == (10_000, 10_000)
    assert job.set(retry_count=-(10**90)).retry_count == -1


@pytest.mark.parametrize(
    "odd",
    [
        {"jid": 12345},
        {"jid": ["a"]},
        {"retry": 20_000},
        {"retry": -1},
        {"retry": "5"},
        {"retry": 2.5},
        {"retry": ""},
        {"retry_count": 20_000},
        {"retry_count": "4"},
    ],
)
def test_what_is_only_read_in_our_way_is_written_as_it_was(odd: dict[str, Any]) -> None:
    given = {"class": "A", "args": [], "queue": "q", "retry": True, "x": None, **odd}

    job = Job.from_map(given)

    assert json.loads(job.encode()) == given
    assert json.loads(job.set(bid="b").encode()) == {**given, "bid": "b"}


def test_what_is_said_anew_takes_the_place_of_what_was_written() -> None:
    job = Job.from_map({"class": "A", "jid": 5, "retry": "5"})

    set_anew = job.set(jid="b", retry=True).to_map()
    made_anew = attrs.evolve(job, jid="b", retry=3).to_map()

    assert (set_anew["jid"], set_anew["retry"]) == ("b", True)
    assert (made_anew["jid"], made_anew["retry"]) == ("b", 3)


@pytest.mark.parametrize(
    ("written", "read"),
    [(4, 4), ("4", 4), (4.0, 4), (4.5, None), ("four", None), (True, None)],
)
def test_retries_are_counted_on_from_any_number(written: Any, read: Any) -> None:
    job = Job(job_class="A", rest={"retry_count": written})

    assert job.retry_count == read


def test_setting_a_field_leaves_the_job_as_it_was() -> None:
    job = Job(job_class="A", rest={"bid": "b"})

    other = job.set(retry_count=0)

    assert (job.rest, other.rest) == ({"bid": "b"}, {"bid": "b", "retry_count": 0})


@worker(queue="mail", retry=3)
async def welcome(user_id: int, locale: str = "en") -> None: ...


def test_a_job_is_made_by_the_name_of_its_class_or_by_its_worker() -> None:
    named = Job.new(class_="Billing::Remind", args=[1], queue="low", bid="b")

    assert named == Job(
        job_class="Billing::Remind", args=[1], queue="low", rest={"bid": "b"}
    )
    assert Job.new(module="Billing::Remind").job_class == "Billing::Remind"
    assert Job.new(module=welcome, args=[1, "fr"]) == welcome.new(1, "fr")
    assert Job.new(module=welcome, args=[1], retry=False) == welcome.new(1).set(
        retry=False
    )


@pytest.mark.parametrize(
    "given", [{}, {"class_": "A", "module": "A"}, {"class_": ""}, {"module": 5}]
)
def test_a_job_needs_one_worker_and_no_more(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"class_ or module|a worker or its name"):
        Job.new(**given)


def test_a_job_finds_the_worker_it_was_made_by() -> None:
    class Remind(Worker):
        async def perform(self) -> None: ...

    config = make_config({"workers": [welcome, Remind]})

    assert config.workers[welcome.new(1).job_class] is welcome
    assert config.workers[Job.new(module=Remind).job_class].name == "Remind"
