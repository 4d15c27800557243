"""A drawing of places and ways: SVG that takes the colours of the page around it."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from kiq_trio._store.places import Place, Way

_WIDTH, _HEIGHT = 160, 54
_COLUMN, _ROW = 250, 130
_MARGIN = 12

SPOTS = {
    "not stored yet": (0, 1),
    "scheduled": (1, 0),
    "enqueued": (1, 1),
    "to be retried": (1, 2),
    "running": (2, 1),
    "left behind": (2, 0),
    "done": (3, 1),
    "dead": (2, 2),
}
"""Column and row of each state."""

BENDS = {
    ("enqueued", "running"): -20.0,
    ("running", "enqueued"): -20.0,
    ("running", "scheduled"): 13.0,
    ("left behind", "enqueued"): 13.0,
    ("left behind", "dead"): -112.0,
    ("running", "done"): 20.0,
    ("dead", "done"): 34.0,
}
"""How far a way bends to its right, so that two do not lie on each other."""

_LINES = 'fill="none" stroke="currentColor"'
_WORDS = 'fill="currentColor" stroke="none" text-anchor="middle"'
_KEYS = 'font-family="monospace" font-size="12" opacity="0.75"'
_HALO = (
    'font-size="13" style="paint-order: stroke; stroke-width: 6px; '
    'stroke: var(--color-background-primary, Canvas); font-weight: bold"'
)


class Point(NamedTuple):
    """A point of the drawing, from its upper left corner."""

    x: float
    y: float


def draw(places: Sequence[Place], ways: Iterable[tuple[int, Way]]) -> str:
    """Return the drawing; ways between the same places share an arrow.

    Raises:
        KeyError: a place has no spot in the drawing.
    """
    width = 2 * _MARGIN + 3 * _COLUMN + _WIDTH
    height = 2 * _MARGIN + 2 * _ROW + _HEIGHT
    arrows = "".join(
        _draw_way(start, end, list(some)) for (start, end), some in _by_ends(ways)
    )
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" width="100%" role="img" '
        f'xmlns="http://www.w3.org/2000/svg" {_LINES}>'
        "<title>The states of a job. The table below says the same in words.</title>"
        '<defs><marker id="kiq-head" viewBox="0 0 10 10" refX="9" refY="5" '
        'markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L10 5 L0 10 z" fill="currentColor" stroke="none"/>'
        f"</marker></defs>{arrows}{''.join(map(_draw_place, places))}</svg></figure>"
    )


def _by_ends(
    ways: Iterable[tuple[int, Way]],
) -> Iterable[tuple[tuple[Place, Place], Iterable[tuple[int, Way]]]]:
    def ends(item: tuple[int, Way]) -> tuple[Place, Place]:
        return item[1].start, item[1].end

    return groupby(sorted(ways, key=ends), key=ends)


def _draw_place(place: Place) -> str:
    x, y = _middle(place)
    left, top = x - _WIDTH / 2, y - _HEIGHT / 2
    dashes = "" if place.key else ' stroke-dasharray="5 4"'
    lift = -4 if place.key else 5
    key = f'<text {_KEYS} x="{x}" y="{y + 15}">{escape(place.key)}</text>'
    return (
        f'<rect{dashes} x="{left}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'rx="8"/><g {_WORDS} font-size="15">'
        f'<text x="{x}" y="{y + lift}">{escape(place.state)}</text>'
        f"{key if place.key else ''}</g>"
    )


def _draw_way(start: Place, end: Place, ways: Sequence[tuple[int, Way]]) -> str:
    a, b = _middle(start), _middle(end)
    bend = BENDS.get((start.state, end.state), 0.0)
    length = math.dist(a, b)
    aside = Point((a.y - b.y) / length * bend, (b.x - a.x) / length * bend)
    # A curve passes half way to the point that it is drawn to.
    knee = Point((a.x + b.x) / 2 + 2 * aside.x, (a.y + b.y) / 2 + 2 * aside.y)
    tail, head = _edge(a, knee), _edge(b, knee)
    label = Point(
        (tail.x + 2 * knee.x + head.x) / 4, (tail.y + 2 * knee.y + head.y) / 4
    )
    numbers = ", ".join(str(number) for number, _ in ways)
    said = "; ".join(way.when for _, way in ways).replace("`", "")
    curve = (
        f"M{tail.x:.0f} {tail.y:.0f} "
        f"Q{knee.x:.0f} {knee.y:.0f} {head.x:.0f} {head.y:.0f}"
    )
    return (
        f"<g><title>{escape(f'{start.state} → {end.state}: {said}')}</title>"
        f'<path stroke-opacity="0.6" marker-end="url(#kiq-head)" d="{curve}"/>'
        f'<text {_WORDS} {_HALO} x="{label.x:.0f}" y="{label.y + 5:.0f}">{numbers}'
        "</text></g>"
    )


def _middle(place: Place) -> Point:
    column, row = SPOTS[place.state]
    return Point(
        _MARGIN + column * _COLUMN + _WIDTH / 2, _MARGIN + row * _ROW + _HEIGHT / 2
    )


def _edge(middle: Point, to: Point) -> Point:
    """Return where the line from *middle* to *to* leaves the box around *middle*."""
    dx, dy = to.x - middle.x, to.y - middle.y
    shares = [
        half / abs(way)
        for half, way in ((_WIDTH / 2 + 3, dx), (_HEIGHT / 2 + 3, dy))
        if way
    ]
    share = min(shares)
    return Point(middle.x + dx * share, middle.y + dy * share)
