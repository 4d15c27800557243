"""The tables of the documentation that name what Sidekiq's API has."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "api.md"

_ROW = re.compile(r"^\| (`.+?) (?<!\\)\| ", re.MULTILINE)


def names_of_ruby() -> set[str]:
    """Return every name of Ruby's that a row is about, `quiet!` as `quiet`."""
    _, _, tables = PAGE.read_text().partition("## From Ruby\n")
    tables, _, _ = tables.partition("\n## ")
    spans = [
        span for row in _ROW.findall(tables) for span in re.findall("`(.+?)`", row)
    ]
    return {name for span in spans for name in re.findall(r"\w+|💣", span)}
