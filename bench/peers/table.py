"""The table of all peers, in Markdown, so that a page can show it as it is."""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from bench.peers.runner import Figures, Row

HEAD = ("peer", "jobs/s", "client CPU µs/job", "Redis CPU µs/job", "conditions")


def render(rows: Sequence[Row]) -> str:
    """Return the table of *rows*, the cheapest client first, failures last."""
    lines: list[Iterable[str]] = [HEAD, ("---", "--:", "--:", "--:", "---")]
    lines += [_cells(row) for row in sorted(rows, key=_order)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def to_json(row: Row) -> dict[str, Any]:
    """Return what is known about one peer, fit for JSON."""
    found = attrs.asdict(row)
    if isinstance(row, Figures):
        found |= {
            "rate": row.rate,
            "client_us": row.client_us,
            "redis_us": row.redis_us,
        }
    return found


def _cells(row: Row) -> tuple[str, ...]:
    if isinstance(row, Figures):
        return (
            f"{row.peer.name} {row.version}",
            f"{row.rate:,.0f}",
            f"{row.client_us:,.0f}",
            f"{row.redis_us:,.0f}",
            row.peer.condition,
        )
    # A bar would end the cell.
    reason = row.reason.replace("|", "/")
    return (row.peer.name, "-", "-", "-", f"not measured: {reason}")


def _order(row: Row) -> float:
    return row.client_us if isinstance(row, Figures) else float("inf")
