"""What happened in this process, counted by class."""

from kiq_trio.events import (
    Aborted,
    Failed,
    Interrupted,
    Snoozed,
    Succeeded,
)
from kiq_trio.stats import Stats


def test_runs_are_counted_and_timed_by_class() -> None:
    stats = Stats()

    stats.count("Mail", Succeeded(1.0))
    stats.count_successes("Mail", [2.0, 0.5])
    stats.count("Mail", Failed(ValueError(), 9.0))
    stats.count("Other", Succeeded(4.0))
    stats.count("Other", Aborted("expired"))
    stats.count("Other", Snoozed(60, 1.0))
    stats.count("Mail", Interrupted(2.0))

    assert stats.succeeded == {"Mail": 3, "Other": 1}
    assert stats.failed == {"Mail": 1}
    assert stats.aborted == {"Other": 1}
    assert stats.seconds == {"Mail": 3.5, "Other": 4.0}
    assert stats.snapshot() == {
        "succeeded": {"Mail": 3, "Other": 1},
        "failed": {"Mail": 1},
        "aborted": {"Other": 1},
        "snoozed": {"Other": 1},
        "interrupted": {"Mail": 1},
        "seconds": {"Mail": 3.5, "Other": 4.0},
    }
