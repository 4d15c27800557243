"""What a test may write in place of a value."""

from typing import Any
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiq_trio import ConfigError, encoder
from kiq_trio._sandbox.matching import fits, want

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_a_value_fits_itself_on_the_other_side_of_json(value: Any) -> None:
    assert fits(value, encoder.decode(encoder.encode(value)))


@given(JSON, JSON)
def test_values_that_differ_do_not_fit(one: Any, other: Any) -> None:
    assert fits(one, other) == (one == other)


@pytest.mark.parametrize(
    "expected",
    [
        [ANY, ANY],
        [1, {"a": ANY}],
        [int, dict],
        (1, {"a": (2, str)}),
        [lambda number: number == 1, {"a": [2, "x"]}],
        lambda args: len(args) == 2,
        ANY,
        list,
    ],
)
def test_a_matcher_stands_for_what_it_accepts(expected: Any) -> None:
    assert fits(expected, [1, {"a": [2, "x"]}])


@pytest.mark.parametrize(
    "expected",
    [
        [1],
        [ANY],
        [str, ANY],
        [1, {}],
        [1, {"a": [2, int]}],
        [1, ANY, ANY],
        lambda args: len(args) == 1,
        "1",
        None,
        {},
    ],
)
def test_a_matcher_does_not_stand_for_anything_else(expected: Any) -> None:
    assert not fits(expected, [1, {"a": [2, "x"]}])


@pytest.mark.parametrize(
    ("name", "meant"),
    [("arg", "args"), ("queues", "queue"), ("tag", "tags"), ("retrys", "retry")],
)
def test_a_mistyped_field_is_refused_for_it_would_refute_anything(
    name: str, meant: str
) -> None:
    with pytest.raises(ConfigError, match=f"{name!r}; did you mean {meant!r}"):
        want(None, {name: 1})


def test_a_field_that_the_program_gives_its_jobs_may_be_asked_for() -> None:
    assert want(None, {"tenant": "a"}).fields == {"tenant": "a"}
