"""Make tables and drawings for the docs from a run's JSON: `python -m bench.page`."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.clock import Row
from bench.goals import GOALS
from bench.plot import draw
from bench.table import Table

DOCS = Path(__file__).parent.parent / "docs"
FOUND = DOCS / "measured" / "found.json"

PLOTS = {
    "drain": ("CPU of the client, µs a job, when draining", "cpu_us", "bare loop"),
    "enqueue": (
        "CPU of the client, µs a job, when enqueueing",
        "cpu_us",
        "PING, one by one",
    ),
    "concurrency": ("CPU of the client, µs a job, with so many at once", "cpu_us", ""),
    "processes": ("Jobs a second, all processes together", "rate", ""),
}
"""For some groups: the title of a drawing, its figure, and the bar to compare with."""


def make(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of the page by their names, from what was measured."""
    tables = {n: Table.from_json(table) for n, table in found["tables"].items()}
    judged = dict(tables)
    if "peers" in found:
        judged["peers"] = Table.from_json(found["peers"])
    files = {
        f"{name}.svg": draw(title, _bars(tables[name].rows, key), base=base)
        for name, (title, key, base) in PLOTS.items()
        if name in tables
    }
    parts = [_conditions(found["conditions"]), _goals(judged)]
    for name, table in tables.items():
        parts.append(f"### {table.title}\n\n{table.note}")
        if f"{name}.svg" in files:
            parts.append(f"![{PLOTS[name][0]}]({name}.svg)")
        parts.append(table.markdown())
    files["tables.md"] = "\n\n".join(parts) + "\n"
    return files


def _bars(rows: Mapping[str, Row], key: str) -> dict[str, float]:
    return {name: row[key] for name, row in rows.items() if key in row}


def _conditions(conditions: Mapping[str, str]) -> str:
    lines = [f"| {name} | {value} |" for name, value in conditions.items()]
    return "\n".join(["### Conditions", "", "| | |", "| --- | --- |", *lines])


def _goals(tables: Mapping[str, Table]) -> str:
    rows = [["goal", "aim", "measured", ""], ["---", "--:", "--:", "---"]]
    rows += [goal.judge(tables) for goal in GOALS]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(["### Goals", "", *lines])


def write(found: Mapping[str, Any], folder: Path) -> None:
    """Write the files of the page to *folder*, and what they are made from."""
    folder.mkdir(parents=True, exist_ok=True)
    files = make(found)
    files[FOUND.name] = json.dumps(found, indent=1) + "\n"
    for name, text in files.items():
        (folder / name).write_text(text)


def main() -> None:
    """Make the page again from the JSON that is there, or from another."""
    parser = argparse.ArgumentParser(prog="bench.page", description=__doc__)
    parser.add_argument("found", type=Path, nargs="?", default=FOUND)
    parser.add_argument(
        "--peers", type=Path, help="what `bench.peers` wrote, for their goals"
    )
    options = parser.parse_args()
    found = json.loads(options.found.read_text())
    if options.peers is not None:
        found["peers"] = json.loads(options.peers.read_text())["tables"]["drain"]
    write(found, FOUND.parent)


if __name__ == "__main__":
    main()
