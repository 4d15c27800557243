"""We and Ruby mean the same by the same bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiq_trio import Job, encoder
from tests.faults.waiting import wait_until
from tests.golden.corpus import assert_lossless, read_payloads, spell
from tests.interop.cluster import Cluster
from tests.interop.console import Console

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

texts = st.text(st.characters(exclude_categories=["Cs"]))
floats = st.floats(allow_nan=False, allow_infinity=False) | st.floats(1e14, 1e17)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**200), 2**200) | floats | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
    ),
    max_leaves=10,
)
tagged = st.fixed_dictionaries({"tags": st.lists(texts)}, optional={"é": values})


@given(args=st.lists(values, max_size=4), rest=tagged)
def test_ruby_would_write_the_very_bytes_that_we_write(
    console: Console, args: list[Any], rest: dict[str, Any]
) -> None:
    payload = Job(job_class="A", args=args, jid="1", rest=rest).encode().decode()

    again = console("Sidekiq.dump_json(Sidekiq.load_json(text))", text=payload)

    assert again == payload


@given(values)
def test_we_read_what_ruby_writes(console: Console, value: Any) -> None:
    text = console("Sidekiq.dump_json([value])", value=value)

    assert spell(encoder.decode(text.encode())) == spell([value])


def test_ruby_takes_every_golden_payload_for_what_we_take_it(console: Console) -> None:
    for payload in read_payloads():
        theirs = console("Sidekiq.dump_json(Sidekiq.load_json(text))", text=payload)
        assert spell(encoder.decode(payload.encode())) == spell(json.loads(theirs))


def test_what_the_real_sidekiq_writes_is_kept(
    cluster: Cluster, console: Console
) -> None:
    console("enqueue_failing_specimens")
    sidekiq = cluster.sidekiq("specimens")
    wait_until(lambda: cluster.client.zcard("retry") == 3)
    console("Sidekiq::RetrySet.new.each(&:add_to_queue)")
    wait_until(lambda: cluster.client.zcard("retry") == 3)
    sidekiq.terminate()
    sidekiq.wait()
    console("enqueue_specimens")

    specimens = console("all_specimens")

    assert len(specimens) == 18
    assert sum('"retried_at"' in one for one in specimens) == 3
    for payload in specimens:
        assert_lossless(payload)
