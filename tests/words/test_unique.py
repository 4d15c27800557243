"""Two jobs are the same exactly if their class, queue and arguments are."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiq_trio.job import Job
from kiq_trio.unique import Lock, lock_of, make_token

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def shuffle(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffle(value[key]) for key in reversed(list(value))}
    return [shuffle(item) for item in value] if isinstance(value, list) else value


@given(st.lists(PLAIN, max_size=3))
def test_the_order_of_keys_makes_no_difference(args: list[Any]) -> None:
    token = make_token("Mailer", "low", args)

    assert make_token("Mailer", "low", shuffle(args)) == token
    assert make_token("Mailer", "low", tuple(args)) == token


def test_class_queue_and_arguments_all_count() -> None:
    tokens = {
        make_token("A", "q", [1]),
        make_token("B", "q", [1]),
        make_token("A", "r", [1]),
        make_token("A", "q", [2]),
        make_token("A", "q", ["1"]),
        make_token("A", "q", [1.0]),
        make_token("A", "q", [True]),
        make_token("A", "q", [[1]]),
        make_token("A", "q", []),
        make_token('A","q', "", [1]),
    }

    assert len(tokens) == 10


def test_a_token_never_changes() -> None:
    """It is a name in Redis: another release must find the locks of this one."""
    token = make_token("Mailer", "default", [1, {"b": "ü", "a": 2**70}])

    assert token == "055e045b2ea1e7cb3aad17d98d0d1a26a306b1f2a00d7d3b755d1d58b6c30f8e"


def test_another_process_makes_the_same_token() -> None:
    code = (
        "from kiq_trio.unique import make_token;"
        "print(make_token('A', 'q', [{'b': 1.5, 'a': ['x', None]}]))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    ]

    assert set(runs) == {make_token("A", "q", [{"a": ["x", None], "b": 1.5}])}


@pytest.mark.parametrize("seconds", [None, "60", -1, 0, 1e300, float("nan"), True])
def test_a_span_that_cannot_be_leaves_the_lock_to_its_owner(seconds: Any) -> None:
    job = Job(job_class="A", jid="j", rest={"unique_token": "t", "unique_for": seconds})

    assert lock_of(job) == Lock("t", "j", 0.0)


def test_a_lock_lives_for_the_delay_as_well() -> None:
    job = Job(job_class="A", jid="j", rest={"unique_token": "t", "unique_for": 60})

    assert lock_of(job, delay=15) == Lock("t", "j", 75.0)


def test_a_unique_job_of_ruby_has_no_lock_of_ours() -> None:
    assert lock_of(Job(job_class="A", jid="j", rest={"unique_for": 60})) is None
