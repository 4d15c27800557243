"""What can be asked of `kiq-trio`: the table of its commands."""

import os
import sys
from typing import Any

import typer

from kiq_trio._version import __version__
from kiq_trio.cli.answering import print_json
from kiq_trio.cli.commands.clear import clear
from kiq_trio.cli.commands.cron import cron
from kiq_trio.cli.commands.dead import dead
from kiq_trio.cli.commands.demo import demo
from kiq_trio.cli.commands.deploy import deploy_mark
from kiq_trio.cli.commands.doctor import doctor
from kiq_trio.cli.commands.enqueue import enqueue
from kiq_trio.cli.commands.gen import gen
from kiq_trio.cli.commands.jobs import jobs
from kiq_trio.cli.commands.locks import locks
from kiq_trio.cli.commands.processes import processes
from kiq_trio.cli.commands.queues import queues
from kiq_trio.cli.commands.retry import retry
from kiq_trio.cli.commands.run import run
from kiq_trio.cli.commands.stats import stats
from kiq_trio.cli.commands.tasks import tasks
from kiq_trio.cli.connecting import AsJson
from kiq_trio.cli.ending import print_failure
from kiq_trio.cli.listing_group import ListingGroup
from kiq_trio.cli.variables import NamedGroup

app = typer.Typer(
    help="Background jobs for Trio, in Sidekiq's format.",
    no_args_is_help=True,
    add_completion=False,
    # Theirs shows the local variables of every frame, which may be secrets.
    pretty_exceptions_enable=False,
    # Every option has a variable: KIQ_TRIO_STATS_INTERVAL, KIQ_TRIO_JOBS_LIST_PAGE.
    cls=NamedGroup,
)

# Where it lives depends on the version of typer: in click, or in a copy of it.
_UsageError: Any = typer.BadParameter.__base__


def main() -> None:
    """Run the command line; what is wrong with it is told in JSON, if that is asked."""
    if "--json" not in sys.argv and not _is_json_wanted():
        app()
        return
    try:
        code = app(standalone_mode=False)
    except _UsageError as error:
        code = error.exit_code
        print_failure(error.format_message(), code=code, as_json=True)
    sys.exit(code or 0)


def _is_json_wanted() -> bool:
    """Whether the environment asks for JSON, in the words that click knows."""
    said = os.environ.get("KIQ_TRIO_JSON", "").strip().lower()
    return said in {"1", "t", "true", "y", "yes", "on"}


def version(*, as_json: AsJson = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": __version__})
    else:
        print(f"kiq_trio {__version__}")


for command in (
    run,
    enqueue,
    stats,
    tasks,
    doctor,
    deploy_mark,
    clear,
    demo,
    version,
):
    app.command()(command)

LISTING = {
    "queues": queues,
    "jobs": jobs,
    "retry": retry,
    "dead": dead,
    "cron": cron,
    "locks": locks,
    "processes": processes,
}
for name, group in LISTING.items():
    app.add_typer(group, name=name, cls=ListingGroup)
app.add_typer(gen, name="gen", no_args_is_help=True)
