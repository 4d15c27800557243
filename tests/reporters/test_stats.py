"""What happened in this process, counted by class."""

from kiq_trio._reporters.stats import Stats
from kiq_trio.events import (
    KINDS,
    Aborted,
    Ended,
    Failed,
    Interrupted,
    Snoozed,
    Started,
    Succeeded,
)
from kiq_trio.job import Job


async def test_runs_are_counted_and_timed_by_class() -> None:
    stats = Stats()
    mail, other = Job(job_class="Mail"), Job(job_class="Other")

    await stats.handle_events(
        [
            Ended(mail, Succeeded(1.0)),
            Ended(mail, Succeeded(2.5)),
            Ended(mail, Failed(ValueError(), 9.0)),
            Ended(other, Succeeded(4.0)),
            Ended(other, Aborted("expired")),
            Ended(other, Snoozed(60, 1.0)),
            Ended(mail, Interrupted(2.0)),
        ]
    )
    await stats.handle_lost(3)

    assert stats.succeeded == {"Mail": 2, "Other": 1}
    assert stats.failed == {"Mail": 1}
    assert stats.aborted == {"Other": 1}
    assert stats.seconds == {"Mail": 3.5, "Other": 4.0}
    assert stats.snapshot() == {
        "succeeded": {"Mail": 2, "Other": 1},
        "failed": {"Mail": 1},
        "aborted": {"Other": 1},
        "snoozed": {"Other": 1},
        "interrupted": {"Mail": 1},
        "seconds": {"Mail": 3.5, "Other": 4.0},
        "lost": 3,
    }


def test_only_what_is_counted_is_listened_to() -> None:
    assert Stats().interests() == KINDS - {Started}
