"""Makes a table for the docs from the JSON of kills: `bench.peers.kill.page`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.peers.page import FOLDER
from bench.table import lines_of

FOUND = FOLDER / "kill.json"
TABLE = "kill.md"
HEAD = ("peer", "version", "acknowledges", "runs again after")


def make(found: Mapping[str, Any]) -> str:
    """Return the table, whoever is soonest first, and its conditions."""
    limit = found["limit"]
    ordered = sorted(found["peers"], key=lambda peer: _longest(peer, limit))
    rows = [
        [
            peer["name"],
            peer["version"],
            "yes" if peer["acknowledges"] else "**no**",
            _verdict(peer, limit),
        ]
        for peer in ordered
    ]
    conditions = lines_of(["", ""], list(found["conditions"].items()))
    return f"{lines_of(HEAD, rows)}\n\n{conditions}\n"


def _longest(peer: Mapping[str, Any], limit: float) -> tuple[bool, float, str]:
    times = [limit if one is None else one for one in peer["seconds"]]
    return bool(peer["failure"]), max(times, default=limit), peer["name"]


def _verdict(peer: Mapping[str, Any], limit: float) -> str:
    if peer["failure"]:
        # A bar would end the cell.
        return f"not measured: {peer['failure'].replace('|', '/')}"
    times = sorted(one for one in peer["seconds"] if one is not None)
    late = f"not within {limit:.0f} s"
    if not times:
        return late
    span = f"{times[0]:.1f} s"
    if times[-1] > times[0]:
        span += f" to {times[-1]:.1f} s"
    missing = len(peer["seconds"]) - len(times)
    return f"{span}; {missing} of {len(peer['seconds'])} {late}" if missing else span


def write(found: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Write the table to *folder*, and what it is made from."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TABLE).write_text(make(found))
    (folder / FOUND.name).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    write(json.loads(FOUND.read_text()))
