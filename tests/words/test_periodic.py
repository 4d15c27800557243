"""What comes again and again: what may be said of it, and when it is due."""

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from kiq_trio import ConfigError, Crontab, CrontabError, Periodic, periodic, worker
from kiq_trio._plan import Plan, Tick
from kiq_trio.config import make_config


@worker(queue="mail", retry=5)
async def report(kind: str = "all") -> None: ...


@worker()
async def sweep(*places: str) -> None: ...


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


# Words


def test_the_options_of_kiq_are_honoured_all_of_them() -> None:
    more = {"retry": 1, "queue": "low", "args": ["small"], "timezone": "Asia/Tokyo"}
    config = make_config(
        {
            "periodics": [
                ("* * * * *", sweep),
                ("0 0 * * *", sweep, {**more, "catch_up": 3, "name": "night"}),
            ]
        }
    )

    minute, night = config.periodics

    assert minute.name == "sweep * * * * * UTC"
    assert minute.job == sweep.new()
    assert night.name == "night"
    assert night.job.to_map() == {
        "class": "sweep",
        "args": ["small"],
        "queue": "low",
        "retry": 1,
    }
    assert night.plan == Plan(Crontab(minutes=0, hours=0), "Asia/Tokyo", 3)


def test_a_decorated_worker_brings_its_times_along() -> None:
    @periodic("0 6 * * *", args=["small"], queue="low")
    @periodic("0 18 * * *", timezone="Europe/Berlin", catch_up="all", name="evening")
    @worker(queue="mail")
    async def tidy(kind: str = "all") -> None: ...

    evening, morning = make_config({"workers": [tidy]}).all_periodics

    assert evening.name == "evening"
    assert evening.plan == Plan(Crontab.parse("0 18 * * *"), "Europe/Berlin", "all")
    assert evening.job == tidy.new()
    assert morning.job == tidy.set(queue="low").new("small")
    assert morning.name == "tidy 0 6 * * * UTC"


def test_a_worker_stays_as_it_was_when_another_is_made_of_it() -> None:
    nightly = periodic("0 0 * * *")(sweep)

    assert make_config({"workers": [sweep]}).all_periodics == ()
    assert len(make_config({"workers": [nightly]}).all_periodics) == 1
    [low] = make_config({"workers": [nightly.set(queue="low")]}).all_periodics
    assert low.job.queue == "low"


def test_a_config_may_be_made_of_another() -> None:
    nightly = periodic("0 0 * * *")(sweep)
    config = make_config({"workers": [nightly], "periodics": [("@hourly", sweep)]})

    again = attrs.evolve(config, workers=config.workers.values())

    assert len(again.all_periodics) == 2
    assert again.all_periodics == config.all_periodics


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("* * * *", sweep), r"periodics\[0\]: crontab '\* \* \* \*', character 8"),
        (("* * * * *", sweep, {"timezon": "UTC"}), "did you mean 'timezone'"),
        (("* * * * *", sweep, {"retri": 1}), "unknown option 'retri' of a periodic"),
        (("* * * * *", sweep, {"timeout": 1}), "unknown option 'timeout'"),
        (("* * * * *", sweep, {"retry": -1}), "retry must be True, False or"),
        (("* * * * *", sweep, {"timezone": "Mars"}), "got 'Mars'"),
        (("* * * * *", sweep, {"timezone": "../UTC"}), "timezone must be the name"),
        (("* * * * *", sweep, {"timezone": "Europe"}), "timezone must be the name"),
        (("* * * * *", sweep, {"timezone": None}), "timezone must be the name"),
        (("* * * * *", sweep, {"catch_up": 0}), "whole number from 1 to 100, got 0"),
        (("* * * * *", sweep, {"catch_up": True}), "got True"),
        (("* * * * *", sweep, {"catch_up": "none"}), "'latest', 'skip', 'all' or"),
        (("* * * * *", sweep, {"args": "small"}), "args must be a list"),
        (("* * * * *", sweep, {"args": [object()]}), r"periodic 'sweep .*args\[0\]"),
        (("* * * * *", report, {"args": [1, 2]}), "too many positional"),
        (("* * * * *", sweep, {"name": " "}), "name must be text"),
        (("* * * * *", sweep, {"name": "a\n"}), "name must be text"),
        (
            ("* * * * *", "sweep"),
            "a worker, got 'sweep'; put @periodic.* above @worker",
        ),
        (("* * * * *", sweep, [1]), "must be a Periodic, "),
        (("* * * * *",), r"periodics\[0\] must be a Periodic, \(crontab, worker\)"),
        ("* * * * *", r"periodics\[0\] must be a Periodic"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(
    given: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config({"periodics": [given]})


def test_a_decorator_refuses_at_once() -> None:
    with pytest.raises(CrontabError, match="hours, character 3"):
        periodic("0 24 * * *")(sweep)
    with pytest.raises(ConfigError, match="did you mean 'queue'"):
        periodic("0 0 * * *", queu="low")(sweep)


def test_two_of_one_name_are_refused() -> None:
    twice = [("@daily", sweep), ("0 0 * * *", sweep, {"args": ["attic"]})]

    with pytest.raises(ConfigError, match=r"two are called 'sweep 0 0 \* \* \* UTC'"):
        make_config({"periodics": twice})
    other = ("0 0 * * *", sweep, {"args": ["attic"], "name": "attic"})
    assert len(make_config({"periodics": [twice[0], other]}).all_periodics) == 2


def test_a_tick_has_one_job_whoever_asks() -> None:
    one, same = (Periodic("@hourly", report) for _ in range(2))
    other = Periodic("@hourly", report, name="other")

    jid = one.job_for(3600).jid

    assert jid == same.job_for(3600).jid
    assert len(jid) == 24
    assert int(jid, 16)
    assert jid not in {one.job_for(7200).jid, other.job_for(3600).jid}


def test_a_job_says_for_which_tick_it_is() -> None:
    job = Periodic("@hourly", report).job_for(1_800_000_000)

    assert job.tick == 1_800_000_000
    assert job.rest["kiq_tick"] == 1_800_000_000_000
    assert report.new().tick is None


# What is due

MINUTELY, NOON = Crontab(), Crontab(minutes=0, hours=12)


def runs(plan: Plan, last: str, now: str) -> list[tuple[int, bool]]:
    return [
        (tick.at, tick.runs) for tick in plan.due(plan.next_after(at(last)), at(now))
    ]


@pytest.mark.parametrize("catch_up", ["latest", "skip", "all", 1, 5])
def test_nothing_is_due_before_its_time_and_one_tick_at_it(catch_up: Any) -> None:
    plan = Plan(NOON, catch_up=catch_up)
    last = "2026-01-01T12:00"

    assert runs(plan, last, "2026-01-02T11:59:59.9") == []
    assert runs(plan, last, "2026-01-02T12:00") == [(at("2026-01-02T12:00"), True)]


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        ("latest", [4]),
        ("all", [2, 3, 4]),
        (1, [4]),
        (2, [3, 4]),
        (100, [2, 3, 4]),
    ],
)
def test_what_was_missed_is_made_up_for_as_was_asked(
    catch_up: Any, expected: list[int]
) -> None:
    plan = Plan(NOON, catch_up=catch_up)

    due = runs(plan, "2026-01-01T12:00", "2026-01-05T11:00")

    assert due == [(at(f"2026-01-{day:02}T12:00"), True) for day in expected]


def test_what_is_a_minute_late_may_be_skipped() -> None:
    plan = Plan(NOON, catch_up="skip")
    tick = at("2026-01-04T12:00")

    assert plan.due(at("2026-01-02T12:00"), tick + 60) == [Tick(tick)]
    assert plan.due(at("2026-01-02T12:00"), tick + 61) == [Tick(tick, runs=False)]


def test_a_long_time_is_made_up_for_in_pieces() -> None:
    plan = Plan(MINUTELY, catch_up="all")
    last, now = at("2026-01-01T00:00"), at("2026-01-01T04:00")

    found = []
    while due := plan.due(plan.next_after(last), now):
        assert len(due) <= 100
        found += due
        last = due[-1].at

    expected = [at("2026-01-01T00:00") + 60 * n for n in range(1, 241)]
    assert [tick.at for tick in found] == expected


def test_a_time_zone_counts() -> None:
    plan = Plan(NOON, "Asia/Tokyo")

    assert plan.next_after(at("2026-01-01T00:00")) == at("2026-01-01T03:00")
    assert plan.latest_until(at("2026-01-01T00:00")) == at("2025-12-31T03:00")
