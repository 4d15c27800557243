"""Tables of what becomes of a job, and a drawing, made from the code's own tables.

    ```{place-map}
    ```

draws `_store/places.py`; the directives `place-table`, `way-table` and `fate-table`
show its rows, and those of `_pipeline/fates.py`, in words.
"""

from docutils import nodes
from option_tables import make_table
from place_map import draw
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from kiq_trio._pipeline.fates import FATES
from kiq_trio._store.places import DESTINATIONS, PLACES, WAYS, Place, Way


class PlaceMap(SphinxDirective):
    """The directive `place-map`: the ways that need nobody's hand, as a drawing."""

    def run(self) -> list[nodes.Node]:
        """Return the drawing; what only shows text is told to read the table."""
        return [nodes.raw("", draw(PLACES, numbered()), format="html")]


class PlaceTable(SphinxDirective):
    """The directive `place-table`."""

    def run(self) -> list[nodes.Node]:
        """Return a row for each place."""
        rows = [(p.state, code(p.key) or "none", p.meaning) for p in PLACES]
        titles = ("state", "place in Redis", "until")
        return [make_table(titles, (20, 20, 60), rows)]


class WayTable(SphinxDirective):
    """The directive `way-table`."""

    def run(self) -> list[nodes.Node]:
        """Return a row for each way, with its number in the drawing."""
        numbers = {id(way): str(number) for number, way in numbered()}
        rows = [
            (
                numbers.get(id(way), ""),
                way.start.state,
                way.end.state,
                way.when,
                way.mover,
                ", ".join(map(code, way.scripts)),
            )
            for way in WAYS
        ]
        titles = ("", "from", "to", "when", "who", "script")
        return [make_table(titles, (5, 15, 15, 30, 18, 17), rows)]


class FateTable(SphinxDirective):
    """The directive `fate-table`."""

    def run(self) -> list[nodes.Node]:
        """Return a row for each fate."""
        rows = [
            (
                code(fate.outcome.__name__),
                fate.when,
                code(fate.settlement.__name__),
                where(DESTINATIONS[fate.settlement]),
            )
            for fate in FATES
        ]
        titles = ("outcome", "when", "settlement", "place")
        return [make_table(titles, (15, 50, 15, 20), rows)]


def numbered() -> list[tuple[int, Way]]:
    """Return the ways that are drawn, each with its number."""
    return list(enumerate((way for way in WAYS if not way.by_hand), start=1))


def code(text: str) -> str:
    """Return *text* as code; nothing if there is none."""
    return f"`{text}`" if text else ""


def where(place: Place) -> str:
    """Return a place by its key, or in a word."""
    return code(place.key) or "nowhere"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Make the directives known to Sphinx."""
    app.add_directive("place-map", PlaceMap)
    app.add_directive("place-table", PlaceTable)
    app.add_directive("way-table", WayTable)
    app.add_directive("fate-table", FateTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
