"""`kiq-trio doctor`: whether Redis and all processes are well."""

from collections.abc import Iterable
from typing import Annotated

import attrs
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kiq_trio._printing import printable
from kiq_trio.cli import cluster_checks, server_checks
from kiq_trio.cli.diagnosis import Finding, Verdict, diagnose, examine, worst
from kiq_trio.cli.ending import FAILED
from kiq_trio.cli.link import Link, linked

_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


@linked
def doctor(
    link: Link,
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail for warnings as well.")
    ] = False,
) -> None:
    """Look whether Redis and all processes are well, changing nothing.

    Exit codes: 0 if nothing fails; 1 if something does, or with --strict is odd, or
    if there is no answer.
    """
    patient = link.ask(examine)
    findings = diagnose(patient, (*server_checks.CHECKS, *cluster_checks.CHECKS))
    verdict = worst(findings)
    if link.as_json:
        found = [attrs.asdict(finding) for finding in findings]
        link.answer({"verdict": verdict, "findings": found})
    else:
        # Sentences: they are wrapped, as a list of jobs is not.
        Console(highlight=False).print(_table_of(findings))
    if verdict is Verdict.FAIL or (strict and verdict is not Verdict.OK):
        raise typer.Exit(FAILED)


def _table_of(findings: Iterable[Finding]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        verdict = Text(finding.verdict, style=_STYLES[finding.verdict])
        sentences = filter(None, (finding.finding, finding.advice))
        said = "\n".join(map(printable, sentences))
        # Not text that is read for markup: names come from Redis.
        table.add_row(verdict, Text(finding.check), Text(said))
    return table
