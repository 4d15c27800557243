"""What a worker says of its job is checked where it is said."""

from datetime import timedelta
from typing import Any

import pytest

from kiq_trio import Cancel, ConfigError, Discard, Snooze


def test_a_snooze_may_be_a_timedelta() -> None:
    assert Snooze(timedelta(minutes=1)).seconds == 60
    assert str(Snooze(90)) == "to be run again in 90 s"


@pytest.mark.parametrize("span", [0, -1, float("inf"), float("nan"), "60", None, True])
def test_a_snooze_needs_a_time_that_can_pass(span: Any) -> None:
    with pytest.raises(ConfigError, match="Snooze needs more than 0 s, got"):
        Snooze(span)


def test_a_reason_is_text() -> None:
    assert str(Discard("no such user")) == "no such user"
    assert str(Cancel()) == "cancelled"
    with pytest.raises(ConfigError, match="the reason of a Discard must be text"):
        Discard(5)  # type: ignore[arg-type]
