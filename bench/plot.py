"""Horizontal bars as SVG, written by hand: no library is needed to draw rectangles."""

from collections.abc import Mapping
from html import escape

_WIDTH, _ROW, _LABEL, _FIGURE, _TOP = 720, 26, 230, 90, 44
_STYLE = (
    "text{font:13px sans-serif;fill:#555}.title{font-weight:bold}"
    "rect{fill:#4c78a8}.base{fill:#b9b9b9}"
    "@media(prefers-color-scheme:dark){text{fill:#bbb}}"
)


def draw(
    title: str, bars: Mapping[str, float], *, form: str = ",.1f", base: str = ""
) -> str:
    """Return a drawing of *bars*, each with its name before it and its figure behind.

    Args:
        title: what is drawn, with the unit.
        bars: the figures by their names, in the order of the drawing.
        form: how the figures are written.
        base: the name of the bar that the others are to be compared with.
    """
    height = _TOP + _ROW * len(bars) + 10
    most = max(bars.values(), default=0.0) or 1.0
    room = _WIDTH - _LABEL - _FIGURE
    box = f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="8" y="24">{escape(title)}</text>',
    ]
    for place, (name, value) in enumerate(bars.items()):
        y, width = _TOP + _ROW * place, room * value / most
        kind = ' class="base"' if name == base else ""
        size = f'width="{width:.1f}" height="18"'
        lines += [
            _text(_LABEL - 8, y, name, anchor="end"),
            f'<rect{kind} x="{_LABEL}" y="{y}" {size}/>',
            _text(_LABEL + width + 6, y, format(value, form), anchor="start"),
        ]
    return "\n".join([*lines, "</svg>", ""])


def _text(x: float, y: float, text: str, *, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y + 14}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"
