"""When a job that goes on failing is retried, made from the formula itself.

The directive `retry-table` has a row for each of the retries that a job gets by
default: how long after the failure it comes, and how long after the first one.
"""

from collections.abc import Iterator

from docutils import nodes
from option_tables import make_table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from kiq_trio._pipeline.settlement import DEFAULT_RETRIES, retry_delay

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


class RetryTable(SphinxDirective):
    """The directive `retry-table`."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        titles = ("retry", "after the failure", "after the first failure, at least")
        return [make_table(titles, (10, 40, 50), list(rows()))]


def rows() -> Iterator[tuple[str, str, str]]:
    """Return a row for each retry."""
    so_far = 0.0
    for count in range(DEFAULT_RETRIES):
        soonest = retry_delay(count, lambda: 0.0)
        latest = retry_delay(count, lambda: 1.0 - 2**-53)
        so_far += soonest
        yield str(count + 1), f"{soonest:,} to {latest:,} s", say(so_far)


def say(seconds: float) -> str:
    """Return a span in the unit that people would take."""
    for size, name in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Make the directive known to Sphinx."""
    app.add_directive("retry-table", RetryTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
