"""The commands of `kiq-trio`, made from what `--help` is made of.

The directive `command-list` shows every command with its arguments and options, or
those of one group, `command-list:: queues`. Options that nearly all commands have are
left out: `COMMON` says which, and a page has to explain them once.
"""

from collections.abc import Iterator
from typing import Any

import typer
from docutils import nodes
from option_tables import make_paragraph, make_table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from kiq_trio.cli.app import app as commands

COMMON = ("--redis-url", "--json", "--timeout", "--yes", "--help")


class CommandList(SphinxDirective):
    """The directive `command-list`, with the name of a group or command, or without."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return an entry for each command."""
        wanted = self.arguments[0] if self.arguments else None
        found = [
            describe(path, command)
            for path, command in walk(typer.main.get_command(commands))
            if wanted in {None, path[0]}
        ]
        if not found:
            raise self.error(f"there is no command {wanted!r}")
        return [nodes.definition_list("", *found)]


def walk(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return each command that does something, with the words that call it."""
    groups = getattr(command, "commands", None)
    if groups is None:
        yield path, command
        return
    for name, one in groups.items():
        yield from walk(one, *path, name)


def describe(path: tuple[str, ...], command: Any) -> nodes.definition_list_item:
    """Return how a command is called, what it does and what it may be given."""
    arguments = [one for one in command.params if not is_option(one)]
    call = " ".join(["kiq-trio", *path, *map(name_argument, arguments)])
    told: list[nodes.Node] = [
        make_paragraph(" ".join(part.split()))
        for part in (command.help or "").split("\n\n")
    ]
    rows = [row_of(one) for one in command.params if not is_common(one)]
    if rows:
        titles = ("argument or option", "variable", "meaning")
        told.append(make_table(titles, (32, 28, 40), rows))
    return nodes.definition_list_item(
        "",
        nodes.term("", "", nodes.literal(text=call)),
        nodes.definition("", *told),
    )


def is_option(parameter: Any) -> bool:
    """Whether it is given by a name that begins with a dash."""
    return bool(parameter.opts[0].startswith("-"))


def is_common(parameter: Any) -> bool:
    """Whether nearly all commands have it."""
    return not COMMON_NAMES.isdisjoint(parameter.opts)


COMMON_NAMES = frozenset(COMMON)


def name_argument(parameter: Any) -> str:
    """Return an argument as a usage line has it."""
    return str(parameter.metavar or parameter.name.upper())


def row_of(parameter: Any) -> tuple[str, str, str]:
    """Return an argument's or option's names, its variable and what it means."""
    meaning = parameter.help or ""
    if not is_option(parameter):
        return f"`{name_argument(parameter)}`", "", meaning
    names = ", ".join(f"`{name}`" for name in parameter.opts)
    if parameter.secondary_opts:
        names += f" or `{parameter.secondary_opts[0]}`"
    if parameter.metavar:
        names += f" `{parameter.metavar}`"
    is_counted = parameter.is_flag or parameter.count
    if not is_counted and parameter.default not in {None, ""}:
        meaning += f" By default {parameter.default}."
    return names, f"`{parameter.envvar}`", meaning


def setup(app: Sphinx) -> ExtensionMetadata:
    """Make the directive known to Sphinx."""
    app.add_directive("command-list", CommandList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
