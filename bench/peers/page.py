"""Makes tables and a drawing for the docs from a run's JSON: `bench.peers.page`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.clock import medians
from bench.goals import PEER_GOALS
from bench.peers.catalogue import PEERS, Peer
from bench.peers.runner import Found
from bench.plot import draw
from bench.table import Table, lines_of

FOLDER = Path(__file__).parents[2] / "docs" / "measured" / "peers"
FOUND = FOLDER / "found.json"
OURS = "kiq_trio"
PLOT = "CPU of the worker, µs a job"

TITLES = {
    "drain": ("Draining", "Per job; *x CPU* compares with kiq_trio in the same round."),
    "singly": (
        "Enqueueing one by one",
        "Per job; one client, which waits for each answer before the next job.",
    ),
    "bulk": ("Enqueueing in bulk", "Per job; 1,000 at once, by those who can."),
}
SHOWN = ("rate", "cpu_us", "redis_us", "trips", "commands", "ratio")
MARK = "† acknowledges nothing: what runs or is fetched ahead is lost with its process."


def to_json(
    peers: Sequence[Peer], found: Found, conditions: Mapping[str, str]
) -> dict[str, Any]:
    """Return all that was found, fit for JSON; the cheapest first."""
    tables = {}
    for part, (title, note) in TITLES.items():
        rounds = found.rounds[part]
        rows = medians(rounds, OURS if OURS in rounds else None)
        order = sorted(rows, key=lambda name: rows[name]["cpu_us"])
        table = Table(title, note, {name: rows[name] for name in order}, SHOWN)
        tables[part] = table.to_json()
    who = [
        {
            "name": peer.name,
            "version": found.versions.get(peer.name, ""),
            "acknowledges": peer.acknowledges,
            "condition": peer.condition,
            "failure": found.failures.get(peer.name, ""),
        }
        for peer in peers
    ]
    return {"conditions": dict(conditions), "peers": who, "tables": tables}


def make(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of the page by their names, from what was measured."""
    tables = {part: Table.from_json(one) for part, one in found["tables"].items()}
    drawn = _marked(tables["drain"])
    bars = {name: row["cpu_us"] for name, row in drawn.rows.items()}
    goals = [goal.judge({"peers": tables["drain"]}) for goal in PEER_GOALS]
    parts = [
        "### Conditions",
        lines_of(["", ""], list(found["conditions"].items())),
        "### Goals",
        lines_of(["goal", "aim", "measured", ""], goals),
        "### Who",
        _who(found["peers"]),
        f"![{PLOT}](drain.svg)",
    ]
    for table in map(_marked, tables.values()):
        parts += [f"### {table.title}", f"{table.note} {MARK}", table.markdown()]
    return {
        "drain.svg": draw(PLOT, bars, form=",.0f", base=OURS),
        "tables.md": "\n\n".join(parts) + "\n",
    }


def _marked(table: Table) -> Table:
    """Return *table* with a mark for each that loses jobs."""
    labels = {peer.name: peer.label for peer in PEERS}
    rows = {labels.get(name, name): row for name, row in table.rows.items()}
    return Table(table.title, table.note, rows, table.shown)


def _who(peers: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for peer in peers:
        # A bar would end the cell.
        failure = peer["failure"].replace("|", "/")
        condition = f"not measured: {failure}" if failure else peer["condition"]
        acknowledges = "yes" if peer["acknowledges"] else "**no**"
        rows.append([peer["name"], peer["version"], acknowledges, condition])
    return lines_of(["peer", "version", "acknowledges", "conditions"], rows)


def write(found: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Write the files of the page to *folder*, and what they are made from."""
    folder.mkdir(parents=True, exist_ok=True)
    files = make(found)
    files[FOUND.name] = json.dumps(found, indent=1) + "\n"
    for name, text in files.items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write(json.loads(FOUND.read_text()))
