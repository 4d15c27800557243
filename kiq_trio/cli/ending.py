"""How a command ends: exit codes, and the one sentence that goes with a failure."""

import json
import sys
import traceback
from typing import NoReturn

import typer

OK = 0
FAILED = 1
"""Something was wrong, and has been said."""
MISUSED = 2
"""The command line itself makes no sense; typer says so."""
INTERRUPTED = 130


def fail(
    error: Exception | str, *, code: int = FAILED, as_json: bool = False
) -> NoReturn:
    """Say what is wrong in one sentence, and end.

    Where the user's own code raised, its traceback comes first. In JSON the
    sentence is the `error` of an object, on standard error as well.
    """
    if isinstance(error, Exception) and error.__cause__ is not None:
        traceback.print_exception(error.__cause__)
    print_failure(str(error), code=code, as_json=as_json)
    raise typer.Exit(code)


def print_failure(sentence: str, *, code: int, as_json: bool) -> None:
    """Say on standard error what is wrong."""
    said = f"kiq-trio: {sentence}"
    if as_json:
        said = json.dumps({"error": sentence, "code": code})
    print(said, file=sys.stderr)


def print_warning(sentence: str, *, as_json: bool) -> None:
    """Say on standard error what may be a mistake."""
    said = f"kiq-trio: {sentence}"
    print(json.dumps({"warning": sentence}) if as_json else said, file=sys.stderr)
