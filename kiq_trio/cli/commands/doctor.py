"""`kiq-trio doctor`: whether Redis and all processes are well."""

import json
from typing import Annotated

import attrs
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kiq_trio.cli import cluster_checks, server_checks
from kiq_trio.cli.connecting import TIMEOUT, AsJson, RedisUrl, Timeout, ask
from kiq_trio.cli.diagnosis import Finding, Verdict, diagnose, examine, worst
from kiq_trio.cli.ending import FAILED, OK

_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


def doctor(
    *,
    redis_url: RedisUrl = None,
    as_json: AsJson = False,
    timeout: Timeout = TIMEOUT,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", envvar="KIQ_TRIO_STRICT", help="Fail for warnings as well."
        ),
    ] = False,
) -> None:
    """Look whether Redis and all processes are well, changing nothing.

    Exit codes: 0 if nothing fails; 1 if something does, or with --strict is odd, or
    if there is no answer.
    """
    patient = ask(examine, redis_url, timeout)
    findings = diagnose(patient, (*server_checks.CHECKS, *cluster_checks.CHECKS))
    verdict = worst(findings)
    if as_json:
        found = [attrs.asdict(finding) for finding in findings]
        print(json.dumps({"verdict": verdict, "findings": found}))
    else:
        _show(findings)
    is_well = verdict is Verdict.OK or (verdict is Verdict.WARN and not strict)
    raise typer.Exit(OK if is_well else FAILED)


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        verdict = Text(finding.verdict, style=_STYLES[finding.verdict])
        said = "\n".join(filter(None, (finding.finding, finding.advice)))
        # Text is shown as it is; names from Redis may look like markup.
        table.add_row(verdict, Text(finding.check), Text(said))
    Console(highlight=False).print(table)
