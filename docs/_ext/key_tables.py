"""Tables of the keys in Redis and of the scripts, made from what the program uses.

The directive `key-table` shows the table in `_store/key_table.py`, with the scripts
whose headers name each key, and `deletion-table` what follows if somebody deletes one;
`script-list` shows the headers themselves, `acl-rules` what a user needs.
"""

import re
import textwrap

from docutils import nodes
from option_tables import make_paragraph, make_table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from kiq_trio._store.commands import acl_rules, enqueueing_rules
from kiq_trio._store.key_table import KEYS
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.script import Script

_HEADER = re.compile(r"\A(?:#!lua.*\n)?((?:--.*\n)+)")
_NAMED_KEY = re.compile(r"^ *KEYS\[\d+\]…?\s+(.+?)  +", re.MULTILINE)


class KeyTable(SphinxDirective):
    """The directive `key-table`."""

    def run(self) -> list[nodes.Node]:
        """Return a row for each key."""
        users: dict[str, list[str]] = {}
        for script in SCRIPTS:
            for name in dict.fromkeys(named_keys(script)):
                users.setdefault(name, []).append(f"`{script.name}`")
        rows = [
            (
                f"`{key.pattern}`",
                key.redis_type,
                key.meaning,
                ", ".join(users.get(re.sub("[A-Z]+", "", key.pattern), ())),
            )
            for key in KEYS
        ]
        titles = ("key", "type", "meaning", "scripts")
        return [make_table(titles, (22, 8, 40, 30), rows)]


class DeletionTable(SphinxDirective):
    """The directive `deletion-table`."""

    def run(self) -> list[nodes.Node]:
        """Return a row for each key."""
        rows = [(f"`{key.pattern}`", key.deleted) for key in KEYS]
        return [make_table(("key", "if it is deleted"), (25, 75), rows)]


class AclRules(SphinxDirective):
    """The directive `acl-rules`, as a line of redis.conf; for all, or to `enqueue`."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the line, cut so that it can be read."""
        rules = enqueueing_rules() if self.arguments else acl_rules()
        user = "web" if self.arguments else "jobs"
        line = " ".join((f"user {user} on >PASSWORD resetkeys -@all", *rules))
        cut = textwrap.wrap(line, 88, break_on_hyphens=False)
        return [nodes.literal_block(text="\n  ".join(cut), language="text")]


class ScriptList(SphinxDirective):
    """The directive `script-list`."""

    def run(self) -> list[nodes.Node]:
        """Return an entry for each script."""
        return [nodes.definition_list("", *map(describe, SCRIPTS))]


def header(script: Script) -> str:
    """Return what a script says of itself, as plain text."""
    found = _HEADER.match(script.source)
    if found is None:
        raise ValueError(f"the script {script.name!r} has no header")
    return re.sub(r"^-- ?", "", found[1], flags=re.MULTILINE)


def named_keys(script: Script) -> list[str]:
    """Return the keys that a script's header names, without what varies in them."""
    return [
        re.sub(r"<\w+>", "", name)
        for names in _NAMED_KEY.findall(header(script))
        for name in names.split(" or ")
    ]


def describe(script: Script) -> nodes.definition_list_item:
    """Return a script's name, its summary and the rest of its header."""
    summary, _, rest = header(script).partition("\n")
    is_refused = "flags=allow-oom" not in script.source
    when_full = "Refused when Redis is full." if is_refused else "Runs when it is full."
    deed = summary.removeprefix(f"{script.name}: ")
    return nodes.definition_list_item(
        "",
        nodes.term("", "", nodes.literal(text=script.name)),
        nodes.definition(
            "",
            make_paragraph(f"{deed[0].upper()}{deed[1:]} {when_full}"),
            nodes.literal_block(text=rest.strip("\n"), language="text"),
        ),
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Make the directives known to Sphinx."""
    app.add_directive("key-table", KeyTable)
    app.add_directive("deletion-table", DeletionTable)
    app.add_directive("script-list", ScriptList)
    app.add_directive("acl-rules", AclRules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
