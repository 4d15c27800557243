"""A group of commands that lists what it is about, if it is asked for nothing else."""

from typing import Any

from typer.core import TyperGroup

_HELP = "--help"


class ListingGroup(TyperGroup):
    """A group whose command `list` is meant where none is named.

    `kiq-trio queues` is `kiq-trio queues list`, and takes its options.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the command, unless the caller has, or asks for help."""
        is_named = bool(args) and not args[0].startswith("-")
        if not is_named and _HELP not in args[:1]:
            args = ["list", *args]
        rest: list[str] = super().parse_args(ctx, args)
        return rest
