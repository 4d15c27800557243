"""The variables of the environment that stand for options."""

from collections.abc import Mapping
from typing import Any

from typer.core import TyperGroup

PREFIX = "KIQ_TRIO"


class NamedGroup(TyperGroup):
    """The group of all commands: each of their options has a variable.

    It is called as the command and the option are on the command line, whatever the
    parameter of the function is: `KIQ_TRIO_RETRY_RUN_ALL` is `retry run --all`. Some
    have a shorter one of their own; docs/reference.md lists them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_variables(self.commands)


def _name_variables(commands: Mapping[str, Any], *above: str) -> None:
    for name, command in commands.items():
        path = (*above, name)
        _name_variables(getattr(command, "commands", {}), *path)
        for parameter in command.params:
            option = max(parameter.opts, key=len)
            if option.startswith("--") and not parameter.envvar:
                words = (PREFIX, *path, option.removeprefix("--"))
                parameter.envvar = "_".join(words).replace("-", "_").upper()
