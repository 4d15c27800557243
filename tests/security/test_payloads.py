"""What a payload can do to whoever reads it: be buried, and nothing else."""

import base64
import json
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from kiq_trio import Job, Kiq, encoder, worker
from kiq_trio._pipeline.settlement import Circumstances, assess, place
from kiq_trio._services.recovery import LONGEST, recover
from kiq_trio._store.burying import Held
from kiq_trio._store.settling import Kill, Retry
from kiq_trio._unwrapping import read_backtrace, unpack_lines
from kiq_trio.clients import SyncClient
from kiq_trio.errors import ConfigError, DecodeError, EncodeError
from kiq_trio.job import PAYLOAD_LIMIT
from kiq_trio.spans import FAR
from tests.journey.conftest import KiqMaker, Recorder, places

NOW = 1_800_000_000.0


@pytest.fixture(params=["orjson", "json"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the extra `fast` is installed or not, the same holds."""
    if request.param == "json":
        monkeypatch.setattr(encoder, "_fast", None)


def args(inner: bytes) -> bytes:
    return b'{"class":"fine","args":[' + inner + b"]}"


POISON = {
    "a hundred thousand brackets": args(b"[" * 100_000 + b"]" * 100_000),
    "brackets without an end": args(b"[" * 100_000),
    "objects in objects": args(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "a million digits": args(b"9" * 1_000_000),
    "5,000 digits": args(b"-" + b"1" * 5_000),
    "5,000 digits for a number of retries": b'{"class":"fine","args":[],"retry":'
    + b"9" * 5_000
    + b"}",
    "infinity by an exponent": args(b"1e999"),
    "infinity by its digits": args(b"1" + b"0" * 1_000 + b".5"),
    "infinity in a field": b'{"class":"fine","args":[],"retry_count":-1e999}',
    "NaN": args(b"NaN"),
    "Infinity": args(b"-Infinity"),
    "half a character": args(b'"\\ud800"'),
    "half a character and many digits": args(b'"\\ud800",' + b"1" * 25),
    "half a character for a key": args(b'{"\\udfff":1}'),
    "half a character for a class": b'{"class":"\\ud800","args":[]}',
    "bytes that are no text": args(b'"\xff"'),
    "UTF-16": '{"class":"fine","args":[]}'.encode("utf-16"),
    "UTF-16 without a mark": '{"class":"fine","args":[]}'.encode("utf-16-le"),
    "a mark before UTF-8": b"\xef\xbb\xbf" + args(b""),
    "zeros": b"\0" * 100,
    "nothing": b"",
    "null": b"null",
    "a list": b"[1,2]",
    "two objects": args(b"") * 2,
    "args that are none": b'{"class":"fine","args":{"a":1}}',
    "args that are text": b'{"class":"fine","args":"password"}',
    "no class": b'{"args":[]}',
    "a class that is none": b'{"class":["fine"],"args":[]}',
}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("payload", POISON.values(), ids=POISON)
def test_what_cannot_be_read_and_written_again_is_no_job(payload: bytes) -> None:
    """S5: one kind of error, in no time, and it holds nothing of the arguments."""
    began = time.perf_counter()
    with pytest.raises(DecodeError) as told:
        Job.decode(payload)
    assert time.perf_counter() - began < 1
    assert len(str(told.value)) < 300
    assert "password" not in str(told.value)


@pytest.mark.usefixtures("parser")
async def test_poison_is_buried_and_the_jobs_beside_it_run(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    """S5: each is in the dead set, no consumer ends, and what is good runs."""

    @worker()
    async def fine() -> None: ...

    async with make_kiq(workers=[fine], queues={"default": 3}) as kiq:
        for payload in POISON.values():
            await kiq.redis.raw("LPUSH", "queue:default", payload)
            await kiq.enqueue(fine.new())
        await recorder.heard("Succeeded", times=len(POISON))
        await kiq.wait_idle()
        found = await places(kiq)
        assert found.keys() == {"dead"}
        assert len(found["dead"]) == len(set(POISON.values()))
    assert set(recorder.names) == {"Started", "Succeeded"}


@pytest.mark.usefixtures("parser")
@given(st.binary(max_size=50) | st.text(max_size=50).map(str.encode))
def test_no_bytes_whatever_raise_anything_else(payload: bytes) -> None:
    """S5: a parser that surprises us would end a consumer."""
    try:
        job = Job.decode(payload)
    except DecodeError:
        return
    assert Job.decode(job.encode()) == job


@pytest.mark.usefixtures("parser")
def test_of_two_fields_by_one_name_the_last_counts_for_everybody() -> None:
    """S5: Ruby takes the last one as well, so nobody can tell us different things."""
    job = Job.decode(b'{"class":"a","class":"b","args":[1],"args":[2],"jid":"x"}')
    assert (job.job_class, job.args) == ("b", [2])
    assert job.encode().count(b'"class"') == 1


def test_fields_named_like_our_own_attributes_are_only_data() -> None:
    """S2, S5: nothing of a payload becomes an attribute but what the table says."""
    hostile = {
        "__proto__": {"polluted": True},
        "__class__": "os",
        "__dict__": {"args": [1]},
        "constructor": {"prototype": {}},
        "rest": {"retry": 5},
        "duplicate_of": "x",
        "job_class": "other",
        "set": 1,
        "encode": 2,
    }
    job = Job.decode(json.dumps({"class": "fine", "args": [], **hostile}).encode())
    assert type(job) is Job
    assert job.rest == hostile
    assert (job.job_class, job.args, job.duplicate_of) == ("fine", [], None)
    assert not hasattr(job, "polluted")
    assert json.loads(job.encode()).items() >= hostile.items()


@pytest.mark.parametrize(
    "value", [{1: 2}, {1, 2}, float("nan"), float("inf"), b"x", "\ud800", object()]
)
async def test_what_json_cannot_say_is_refused_where_it_is_given(
    make_kiq: KiqMaker, value: Any
) -> None:
    """S6: a set becomes a list, for that is asked for; the rest names its place."""

    @worker()
    async def fine(value: Any) -> None: ...

    async with make_kiq(workers=[fine], server=False) as kiq:
        if isinstance(value, set):
            assert fine.new(value).args == [[1, 2]]
            return
        with pytest.raises(EncodeError):
            await kiq.enqueue(fine.new(value))
        with pytest.raises(EncodeError):
            await kiq.enqueue({"class": "fine", "args": [value]})
        assert await kiq.redis.raw("DBSIZE") == 0


@pytest.mark.parametrize(
    "queue", ["", "a b", "a\r\nDEL x", "a|b", "q" * 129, "caf\u00e9", "../x", "a\0b"]
)
async def test_a_queue_has_a_name_that_can_be_no_other_key(
    make_kiq: KiqMaker, queue: str
) -> None:
    """S7: so no queue is a key of ours, and none is in two places by one name."""
    with pytest.raises(ConfigError):
        Kiq(redis_url="memory://", queues={queue: 1})
    async with make_kiq(server=False) as kiq:
        if queue:
            with pytest.raises(ConfigError, match="queue must be"):
                await kiq.enqueue({"class": "fine", "queue": queue})
        assert await kiq.redis.raw("DBSIZE") == 0


ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
CONTROLS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        (
            "at",
            "backtrace",
            "cattr",
            "created_at",
            "dead",
            "enqueued_at",
            "error_backtrace",
            "expires_at",
            "expires_in",
            "failed_at",
            "jid",
            "kiq_deadline",
            "queue",
            "retry",
            "retry_count",
            "retry_for",
            "retry_queue",
            "tags",
            "unique_for",
            "unique_token",
            "unlocks_at",
        ),
        ODD,
    ),
)


@given(CONTROLS)
def test_whatever_stands_in_a_control_field_a_failed_job_goes_somewhere_in_time(
    fields: dict[str, Any],
) -> None:
    """S8: a retry within ten years, or a grave; never an error, never for ever."""
    payload = encoder.encode({"class": "fine", "args": [], **fields})
    job = Job.decode(payload)
    given_ = Circumstances(now=NOW, random=lambda: 0.99)
    failure = assess(job, ValueError("no"), given_)
    settlement = place(failure, given_, None)
    if isinstance(settlement, Retry):
        assert NOW < settlement.at <= NOW + FAR
        assert Job.decode(settlement.payload).retry_count is not None
    if isinstance(settlement, Kill):
        assert settlement.at == NOW


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("retry", 10**30),
        ("retry_count", 9_000),
        ("backtrace", 10**30),
        ("backtrace", -5),
        ("tags", ["x" * 100] * 10_000),
    ],
)
def test_numbers_without_measure_cost_no_more_than_others(
    field: str, value: Any
) -> None:
    """S8: `retry` up to 10,000, as somebody may mean; each wait up to ten years."""
    fields = {"class": "fine", "args": [], "retry": 10_000, "backtrace": True}
    job = Job.decode(encoder.encode(fields | {field: value}))
    given_ = Circumstances(now=NOW, random=lambda: 0.99)
    settlement = place(assess(job, ValueError("no"), given_), given_, None)
    assert isinstance(settlement, Retry)
    assert settlement.at <= NOW + FAR
    assert len(settlement.payload) < PAYLOAD_LIMIT * 1.1


def packed(text: bytes) -> str:
    return base64.b64encode(zlib.compress(text, 9)).decode()


@pytest.fixture
def peak() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("peak")
def test_a_backtrace_that_unpacks_to_much_is_none() -> None:
    """S9: of 300 megabytes that came in as a third of one, four come out."""
    packer = zlib.compressobj(9)
    parts = [
        packer.compress(b'["'),
        *(packer.compress(b"x" * 2**20) for _ in range(300)),
    ]
    parts.append(packer.flush())
    bomb = base64.b64encode(b"".join(parts)).decode()
    tracemalloc.reset_peak()
    assert unpack_lines(bomb) is None
    assert tracemalloc.get_traced_memory()[1] < 100_000_000


@pytest.mark.parametrize(
    "value",
    [
        packed(b"[" * 1_000_000),
        packed(b"\xff"),
        packed(b'["\\ud800"]'),
        packed(b'{"a":1}'),
        packed(b"")[:8],
        "not base64 \u00e9",
        "A" * 1_000_000,
        5,
    ],
)
@pytest.mark.usefixtures("parser")
def test_a_backtrace_that_is_none_is_none(value: Any) -> None:
    """S9: nothing that is packed in it gets further than anything else."""
    assert read_backtrace(value) is None


async def test_a_job_that_is_too_large_is_refused_where_it_is_made(
    make_kiq: KiqMaker,
) -> None:
    """S4: a megabyte, unless you say otherwise; nothing is stored, nothing is sent."""
    large = {"class": "fine", "args": ["x" * PAYLOAD_LIMIT]}
    async with make_kiq(server=False) as kiq:
        for refuse in (kiq.enqueue, lambda job: kiq.enqueue_many([{}, job][1:])):
            with pytest.raises(EncodeError, match="payload_limit allows 1,048,576"):
                await refuse(large)
        with pytest.raises(EncodeError, match="payload_limit"):
            kiq.enqueue_nowait(large)
        assert await kiq.redis.raw("DBSIZE") == 0
    async with make_kiq(server=False, payload_limit=2 * PAYLOAD_LIMIT) as kiq:
        await kiq.enqueue(large)
    with (
        SyncClient("redis://127.0.0.1:1") as client,
        pytest.raises(EncodeError, match="payload_limit"),
    ):
        client.enqueue(large)
    with pytest.raises(ConfigError, match="payload_limit"):
        Kiq(redis_url="memory://", payload_limit=0)


async def test_a_job_that_is_far_too_large_is_buried_unread(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S4: what others have written; what grew by its failures still runs."""

    @worker()
    async def fine(text: str) -> None: ...

    def payload(size: int) -> bytes:
        rest = args(b'""')
        return rest.replace(b'""', b'"' + b"x" * (size - len(rest)) + b'"')

    read: list[int] = []
    decode = encoder.decode

    def watch(payload: bytes) -> Any:
        read.append(len(payload))
        return decode(payload)

    monkeypatch.setattr(encoder, "decode", watch)
    at_most, too_large = payload(2_000), payload(2_001)
    async with make_kiq(workers=[fine], payload_limit=1_000) as kiq:
        await kiq.redis.raw("LPUSH", "queue:default", too_large, at_most)
        await recorder.heard("Succeeded")
        await kiq.wait_idle()
        assert await places(kiq) == {"dead": [too_large]}
    assert max(read) == len(at_most)


def test_what_a_dead_process_held_is_not_read_either_if_it_is_huge() -> None:
    """S4: it goes back to its queue as it is, and from there into its grave."""
    huge = args(b'"' + b"x" * LONGEST + b'"')
    held = Held("default.1.0", "default", huge, huge)
    began = time.perf_counter()
    assert recover(held, NOW).payload is huge
    assert time.perf_counter() - began < 0.05


@pytest.mark.parametrize(
    "text", ["\r\n$4\r\nFLUSHALL\r\n", "\0", "*1\r\n$8\r\n", "é\r"]
)
async def test_what_is_said_stays_data_on_its_way_to_redis_and_back(
    make_kiq: KiqMaker, recorder: Recorder, autojump_clock: MockClock, text: str
) -> None:
    """S35: lengths frame it; no character of an argument ends a command."""
    seen: list[str] = []

    @worker()
    async def fine(said: str) -> None:
        seen.append(said)

    async with make_kiq(workers=[fine]) as kiq:
        await kiq.redis.raw("SET", "mine", "1")
        await kiq.enqueue(fine.new(text))
        await recorder.heard("Succeeded")
        assert await kiq.redis.raw("GET", "mine") == b"1"
    assert seen == [text]
