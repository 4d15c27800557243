"""What a crontab says, what it cannot say, and when it is time."""

import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from croniter import CroniterError, croniter
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from kiq_trio import ConfigError, Crontab, CrontabError
from tests.words.crontabs import random_crontab, watch

BERLIN = ZoneInfo("Europe/Berlin")
HALF_AN_HOUR = ZoneInfo("Australia/Lord_Howe")
ZONES = [BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")]
CASES = 10_000 if "CI" in os.environ else 300


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


# What it says


def test_by_default_it_is_always_time() -> None:
    assert Crontab().now()
    assert str(Crontab()) == "* * * * *"
    assert Crontab().hours == [*range(24)]


@pytest.mark.parametrize(
    ("expression", "field", "values"),
    [
        ("0 6,12,18 * * *", "hours", [6, 12, 18]),
        ("*/15 9-17 * * *", "minutes", [0, 15, 30, 45]),
        ("*/15 9-17 * * *", "hours", [9, 10, 11, 12, 13, 14, 15, 16, 17]),
        ("0-2,4-6 */12 * * *", "minutes", [0, 1, 2, 4, 5, 6]),
        ("0 7-9,4-6 13 * FRI", "hours", [4, 5, 6, 7, 8, 9]),
        ("40/5 * * * *", "minutes", [40, 45, 50, 55]),
        ("0-30/10 * * * *", "minutes", [0, 10, 20, 30]),
        # As cron, and not Kiq, which begins to count at 0.
        ("* * */10 * *", "days", [1, 11, 21, 31]),
        ("* * 20,21 SEP,nov *", "months", [9, 11]),
        ("* * * JAN-MAR *", "months", [1, 2, 3]),
        ("0 12 * * SUN", "weekdays", [0]),
        ("0 12 * * 7", "weekdays", [0]),
        ("0 12 * * 0", "weekdays", [0]),
        ("0 12 * * 5-7", "weekdays", [0, 5, 6]),
        ("0 12 * * FRI-SUN", "weekdays", [0, 5, 6]),
        ("  0\t12 * *  mon ", "weekdays", [1]),
        ("@weekly", "weekdays", [0]),
        ("@Daily", "hours", [0]),
    ],
)
def test_its_fields_can_be_read(expression: str, field: str, values: list[int]) -> None:
    assert getattr(Crontab.parse(expression), field) == values


def test_it_can_be_made_of_fields() -> None:
    made = Crontab(minutes=0, hours=[6, 12, 18], weekdays="MON-FRI")

    assert made == Crontab.parse("0 6,12,18 * * 1-5")
    assert str(made) == "0 6,12,18 * * MON-FRI"
    assert hash(made) == hash(Crontab.parse(str(made)))
    assert repr(made) == "Crontab.parse('0 6,12,18 * * MON-FRI')"


@pytest.mark.parametrize(
    ("expression", "position", "field", "reason"),
    [
        ("0 25 * * *", 2, "hours", "'25' is not 0 to 23"),
        ("60 * * * *", 0, "minutes", "'60' is not 0 to 59"),
        ("1,2,x * * * *", 4, "minutes", "'x' is not"),
        ("1,,2 * * * *", 2, "minutes", "'' is not"),
        ("* * 0 * *", 4, "days", "'0' is not 1 to 31"),
        ("* * * FOO *", 6, "months", "'FOO' is not 1 to 12 or JAN and so on"),
        ("* * * 1-FOO *", 8, "months", "'FOO' is not"),
        ("* * * * 8", 8, "weekdays", "'8' is not 0 to 7 or SUN and so on"),
        ("* * L * *", 4, "days", "'L' is not"),
        ("* MON * * *", 2, "hours", "'MON' is not"),
        ("-5 * * * *", 0, "minutes", "'' is not"),
        ("٣ * * * *", 0, "minutes", "'٣' is not"),
        ("5- * * * *", 2, "minutes", "'' is not"),
        ("1-2-3 * * * *", 2, "minutes", "'2-3' is not"),
        ("*/0 * * * *", 2, "minutes", "the step '0' is not 1 to 59"),
        ("*/90 * * * *", 2, "minutes", "the step '90' is not 1 to 59"),
        ("*/ * * * *", 2, "minutes", "the step '' is not"),
        ("*/2/3 * * * *", 2, "minutes", "the step '2/3' is not"),
        ("0 22-2 * * *", 2, "hours", "goes backwards: write 22-23,0-2"),
        ("* * * *", 7, None, "five fields are needed, weekdays are missing"),
        ("", 0, None, "minutes hours days months weekdays are missing"),
        ("* * * * * *", 10, None, "'*' is one too many"),
        ("* * * * * junk", 10, None, "'junk' is one too many"),
        ("@never", 0, None, "the nicknames are @yearly"),
        (" * * 31 FEB,4 *", 5, "days", "day 31 never comes in these months"),
        ("0 0 30 2 *", 4, "days", "day 30 never comes in these months"),
        ("0 0 31 4 */2", 4, "days", "day 31 never comes in these months"),
    ],
)
def test_a_mistake_is_shown_where_it_is(
    expression: str, position: int, field: str | None, reason: str
) -> None:
    with pytest.raises(CrontabError) as caught:
        Crontab.parse(expression)

    error = caught.value
    assert (error.position, error.field) == (position, field)
    assert reason in error.reason
    assert str(error).startswith(f"crontab {expression!r}, ")
    assert f"character {position + 1}: " in str(error)
    assert isinstance(error, ConfigError)


def test_a_mistake_in_a_single_field_is_shown_in_it() -> None:
    with pytest.raises(CrontabError, match="crontab '1,24', hours, character 3"):
        Crontab(hours=[1, 24])


def test_what_is_no_text_is_no_crontab() -> None:
    with pytest.raises(CrontabError, match="a crontab is text"):
        Crontab.parse(5)  # type: ignore[arg-type]  # what a user without mypy may do.


def test_a_day_that_never_comes_is_fine_if_a_weekday_will_do() -> None:
    crontab = Crontab.parse("0 0 31 2 MON")

    found = crontab.next_after(datetime(2026, 1, 1, tzinfo=UTC))

    assert found == datetime(2026, 2, 2, tzinfo=UTC)


# When it is time


@pytest.mark.parametrize(
    ("expression", "moment", "expected"),
    [
        ("* * * * *", "2026-01-01T00:00", True),
        ("59 23 1 1 6", "2026-01-02T23:59", False),
        ("59 23 1 1 6", "2026-01-01T23:59:59.9", True),
        ("59 23 1 1 6", "2026-01-03T23:59", True),
        ("0 0 * * SUN", "2026-11-29T00:00", True),
        ("0 0 * * 7", "2026-11-29T00:00", True),
        ("0 0 * * SUN", "2026-11-30T00:00", False),
        ("0 0 13 * FRI", "2026-11-13T00:00", True),
        ("0 0 13 * FRI", "2026-12-13T00:00", True),
        ("0 0 13 * FRI", "2026-12-11T00:00", True),
        ("0 0 13 * FRI", "2026-12-12T00:00", False),
        ("0 0 */2 * FRI", "2026-12-11T00:00", True),
        ("0 0 */2 * FRI", "2026-12-13T00:00", False),
    ],
)
def test_it_knows_whether_it_is_time(
    expression: str, moment: str, *, expected: bool
) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)

    assert Crontab.parse(expression).now(datetime=now) is expected


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ConfigError, match="time zone"):
        Crontab().now(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point.


def test_the_next_time_is_later_and_the_latest_is_not() -> None:
    crontab = Crontab.parse("*/10 * * * *")
    tick = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
    ten, second = timedelta(minutes=10), timedelta(seconds=1)

    assert crontab.next_after(tick) == tick + ten
    assert crontab.next_after(tick - second) == tick
    assert crontab.latest_until(tick) == tick
    assert crontab.latest_until(tick - second) == tick - ten
    assert [*crontab.ticks_between(tick, tick + 2 * ten)] == [
        tick + ten,
        tick + 2 * ten,
    ]


def test_a_time_zone_has_its_own_midnight() -> None:
    found = Crontab.parse("0 0 * * *").next_after(berlin("2026-01-01T12:00"), BERLIN)

    assert found == datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert found.tzinfo is UTC


def test_the_day_that_comes_rarest_is_found() -> None:
    leap = Crontab.parse("0 0 29 2 */7")

    found = leap.next_after(datetime(2033, 1, 1, tzinfo=UTC))

    assert found == datetime(2060, 2, 29, tzinfo=UTC)
    assert leap.latest_until(datetime(2033, 1, 1, tzinfo=UTC)).year == 2032


# When the clock is put forward or back


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 2 * * *", ["03:00"]),
        ("0,30 2 * * *", ["03:00"]),
        ("0 2,3 * * *", ["03:00"]),
        ("0 3 * * *", ["03:00"]),
        ("*/30 2 * * *", []),
        ("30 * * * *", ["00:30", "01:30", "03:30", "04:30"]),
        ("0 */2 * * *", ["00:00", "04:00"]),
    ],
)
def test_an_hour_that_is_left_out(expression: str, expected: list[str]) -> None:
    night = berlin("2026-03-28T23:59"), berlin("2026-03-29T04:59")

    ticks = Crontab.parse(expression).ticks_between(*night, BERLIN)

    assert [f"{tick.astimezone(BERLIN):%H:%M}" for tick in ticks] == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 2 * * *", ["02:30+0200"]),
        ("0 2,3 * * *", ["02:00+0200", "03:00+0100"]),
        ("*/30 2 * * *", ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]),
        ("30 1-3/1 * * *", ["01:30+0200", "02:30+0200", "03:30+0100"]),
        ("30 * * * *", ["01:30+0200", "02:30+0200", "02:30+0100", "03:30+0100"]),
        ("0 */2 * * *", ["02:00+0200", "02:00+0100"]),
    ],
)
def test_an_hour_that_comes_twice(expression: str, expected: list[str]) -> None:
    night = berlin("2026-10-25T00:59"), berlin("2026-10-25T03:59")

    ticks = Crontab.parse(expression).ticks_between(*night, BERLIN)

    assert [f"{tick.astimezone(BERLIN):%H:%M%z}" for tick in ticks] == expected


NIGHTS = [
    (BERLIN, datetime(2026, 3, 28, 23, tzinfo=UTC)),
    (BERLIN, datetime(2026, 10, 24, 23, tzinfo=UTC)),
    (HALF_AN_HOUR, datetime(2026, 10, 3, 14, tzinfo=UTC)),
    (HALF_AN_HOUR, datetime(2026, 4, 4, 13, tzinfo=UTC)),
    # A whole day was left out.
    (ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 8, tzinfo=UTC)),
    (UTC, datetime(2026, 2, 28, 22, tzinfo=UTC)),
]
SOME_HOURS = 4 * 60

times = st.lists(st.integers(0, 59), min_size=1, max_size=4).map(
    lambda some: ",".join(map(str, some))
)
minutes = st.one_of(st.just("*"), st.sampled_from(["*/7", "*/30", "0", "59"]), times)
hours = st.one_of(st.just("*"), st.sampled_from(["1-3", "2", "*/2", "0,23", "1/1"]))


@pytest.mark.parametrize(("zone", "start"), NIGHTS)
@given(minutes=minutes, hours=hours)
def test_it_agrees_with_a_look_at_the_clock_every_minute(
    zone: ZoneInfo, start: datetime, minutes: str, hours: str
) -> None:
    crontab = Crontab.parse(f"{minutes} {hours} * * *")
    end = start + timedelta(minutes=SOME_HOURS - 1)
    expected = [*watch(crontab, start, SOME_HOURS, zone)]

    ticks = [*crontab.ticks_between(start - timedelta(seconds=1), end, zone)]

    assert ticks == expected
    for tick, after in [*pairwise(ticks)][::7]:
        assert crontab.latest_until(tick, zone) == tick
        assert crontab.latest_until(after - timedelta(seconds=1), zone) == tick


# What others say


@pytest.mark.parametrize("seed", range(CASES // 100))
def test_it_agrees_with_croniter_and_cronsim(seed: int) -> None:
    """On a hundred crontabs of chance: forward, backward and in time zones.

    Left out is what we mean differently, each with its reason:

    - `N/step` of weekdays: croniter stops at Saturday, we go on to 7 as cron does.
    - `5-5/15`: both take it for `5/15`, and we for 5, as cron does.
    - croniter takes a field that allows everything, such as `1-31`, or one that
      holds a `*` anywhere, for `*`; cron looks at the first character.
    - `*/90`, which hardly means what it does, and other steps beyond the field are
      refused here, as they are by croniter; cronsim takes them.
    - `SAT-SUN` ends with Sunday here; cronsim refuses it.
    - Where the clock jumps by half an hour, cronsim misses times after the jump.
    """
    chance = Random(seed)
    for _ in range(100):
        expression = random_crontab(chance)
        zone = chance.choice(ZONES)
        start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(
            seconds=chance.randrange(4 * 365 * 86_400)
        )
        try:
            crontab = Crontab.parse(expression)
        except CrontabError:
            with pytest.raises(CroniterError):
                croniter(expression, start).get_next()
            continue
        before = start - timedelta(microseconds=1)
        theirs = croniter(expression, start, implement_cron_bug=True)
        backwards = croniter(expression, start, implement_cron_bug=True)

        found = crontab.next_after(start), crontab.latest_until(before)

        what = f"{expression!r} at {start}"
        if not _is_full(crontab):
            assert found[0] == theirs.get_next(datetime), what
            assert found[1] == backwards.get_prev(datetime), what
        assert found[0] == next(CronSim(expression, start)), what
        assert found[1] == next(CronSim(expression, start, reverse=True)), what
        there = next(CronSim(expression, start.astimezone(zone)))
        assert crontab.next_after(start, zone) == there.astimezone(UTC), what


def _is_full(crontab: Crontab) -> bool:
    is_full = len(crontab.days) == 31 or len(crontab.weekdays) == 7
    return is_full and not any(f[0] == "*" for f in str(crontab).split()[2:5:2])
