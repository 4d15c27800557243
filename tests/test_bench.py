"""The benchmark's arithmetic, its tables, its drawings, and its page."""

import json
from argparse import ArgumentTypeError
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.clock import Rounds, Row, Sample, interleave, medians
from bench.due import Gaps
from bench.goals import GOALS, Goal, figure
from bench.groups import GROUPS, known
from bench.latency import percentiles
from bench.loads import Tally
from bench.meter import Reading
from bench.page import DOCS, FOUND, make
from bench.plot import draw
from bench.table import COLUMNS, Table

TABLE = Table(
    "Drain", "Per job.", {"bare": {"rate": 9000, "ratio": 1}, "ours": {"rate": 4500.4}}
)


def test_figures_are_per_operation() -> None:
    sample = Sample(
        1000, seconds=0.5, cpu=0.02, redis_cpu=0.004, trips=40, commands=360
    )

    assert sample.row() == pytest.approx(
        {"rate": 2000, "cpu_us": 20, "redis_us": 4, "trips": 0.04, "commands": 0.36}
    )


def test_a_multiple_is_taken_within_its_round() -> None:
    # The machine was three times as fast in the second round, for both.
    rounds: Rounds = {
        "bare": [Sample(1, 1, 6), Sample(1, 1, 2), Sample(1, 1, 6)],
        "ours": [Sample(1, 1, 12), Sample(1, 1, 4), Sample(1, 1, 12)],
    }

    rows = medians(rounds, "bare")

    assert (rows["bare"]["ratio"], rows["ours"]["ratio"]) == (1, 2)
    assert rows["ours"]["cpu_us"] == pytest.approx(12e6)
    assert rows["ours"]["least_us"] == pytest.approx(4e6)


async def test_each_round_begins_with_another_case() -> None:
    order: list[str] = []

    def case(name: str) -> Any:
        async def run() -> Sample:
            order.append(name)
            return Sample(1, 1, 1)

        return run

    rounds = await interleave({name: case(name) for name in "abc"}, 3)

    assert "".join(order) == "abcbcacab"
    assert {name: len(samples) for name, samples in rounds.items()} == dict.fromkeys(
        "abc", 3
    )


def test_redis_is_charged_for_its_own_process_only() -> None:
    info = {
        "used_cpu_user": 2.25,
        "used_cpu_sys": 1.5,
        "used_cpu_user_children": 7.0,
        "total_reads_processed": 12,
        "total_commands_processed": 34,
    }

    assert Reading.parse(info) == Reading(3.75, 12, 34)


def test_only_the_last_job_is_the_last() -> None:
    tally = Tally(3)

    first = [tally.is_last() for _ in range(4)]
    tally.restart()
    second = [tally.is_last() for _ in range(3)]

    assert (first, second) == ([False, False, True, False], [False, False, True])


def test_percentiles_are_in_microseconds() -> None:
    row = percentiles([n / 1e6 for n in range(1001)])

    assert row == pytest.approx({"p50_us": 500, "p99_us": 990, "p999_us": 999})


def test_the_longest_gap_is_that_of_what_did_not_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = iter([0.0, 1.0, 2.0, 5.0, 6.0])
    monkeypatch.setattr("bench.due.time.monotonic", lambda: next(moments))

    gaps = Gaps()
    for things in (("a", "x"), ("b", "x"), ("b", "x"), ("c", "y")):
        gaps.look(things)

    assert gaps.longest == [3.0, 4.0]


def test_a_table_is_written_for_terminals_and_for_pages() -> None:
    assert TABLE.text().splitlines() == [
        "",
        "Drain",
        "        per s  x CPU",
        "  bare  9,000   1.00",
        "  ours  4,500       ",
    ]
    assert TABLE.markdown().splitlines() == [
        "|  | per s | x CPU |",
        "| --- | --: | --: |",
        "| bare | 9,000 | 1.00 |",
        "| ours | 4,500 |  |",
    ]


def test_a_table_shows_only_what_is_worth_a_column() -> None:
    table = Table("", "", TABLE.rows, shown=("rate",))

    assert table.columns == ["rate"]


def test_a_table_comes_back_from_json() -> None:
    found = json.loads(json.dumps(TABLE.to_json()))

    assert Table.from_json(found).markdown() == TABLE.markdown()


def test_a_goal_is_held_missed_or_not_measured() -> None:
    tables = {"drain": TABLE}
    fast = Goal("rate", 4_500, figure("drain", "ours", "rate"), is_least=True)
    cheap = Goal("ratio", 0.5, figure("drain", "bare", "ratio"))
    unknown = Goal("idle", 1, figure("idle", "", "cpu"))

    assert fast.judge(tables) == ["rate", "≥ 4,500.00", "4,500.40", "held"]
    assert cheap.judge(tables) == ["ratio", "≤ 0.50", "1.00", "**missed**"]
    assert unknown.judge(tables) == ["idle", "≤ 1.00", "", "not measured"]


def test_bars_are_as_long_as_their_figures_and_names_are_text() -> None:
    drawing = ET.fromstring(draw("a < b", {"R&D": 10, "half": 5}, base="half"))
    bars = drawing.findall("{*}rect")
    texts = [text.text for text in drawing.findall("{*}text")]

    full, half = (float(bar.attrib["width"]) for bar in bars)
    assert half == pytest.approx(full / 2)
    assert [bar.get("class") for bar in bars] == [None, "base"]
    assert texts == ["a < b", "R&D", "10.0", "half", "5.0"]


def test_only_groups_that_exist_can_be_chosen() -> None:
    assert known("drain") == "drain"

    with pytest.raises(ArgumentTypeError, match="no group is called drian; there are"):
        known("drian")


def test_the_page_names_every_group() -> None:
    page = (DOCS / "benchmarks.md").read_text()

    assert [name for name in GROUPS if f"| `{name}` |" not in page] == []


def test_the_page_is_what_its_json_makes() -> None:
    found = json.loads(FOUND.read_text())

    files = make(found)

    shown = {n: (FOUND.parent / n).read_text() for n in files}
    assert shown == files, "run `python -m bench.page`"
    assert set(found["tables"]) == set(GROUPS)
    lines = files["tables.md"].splitlines()
    unmeasured = [line for line in lines if "not measured" in line]
    assert [line for line in unmeasured if "CPU of a job on" not in line] == []


def test_a_peer_that_failed_is_a_goal_not_measured() -> None:
    rows: dict[str, Row] = {
        "kiq_trio": {"cpu_us": 10, "ratio": 1},
        "dramatiq": {"cpu_us": 160, "ratio": 16.5},
    }
    peers = Table("Draining", "", rows).to_json()

    page = make(json.loads(FOUND.read_text()) | {"peers": peers})["tables.md"]

    assert "| CPU of a job on dramatiq, in ours | ≥ 15.00 | 16.50 | held |" in page
    assert "| CPU of a job on Sidekiq 6, in ours | ≥ 3.00 |  | not measured |" in page
    assert "in another run, in ours | ≥ 3.00 | 9.50 | held |" in page


def test_every_figure_on_the_page_has_a_column() -> None:
    found = json.loads(FOUND.read_text())
    figures = {
        key
        for table in found["tables"].values()
        for row in table["rows"].values()
        for key in row
    }

    assert figures <= set(COLUMNS)
    assert len(GOALS) > 15
