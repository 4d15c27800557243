"""What can be asked of `kiq-trio`: the table of its commands."""

import typer

from kiq_trio._version import __version__
from kiq_trio.cli.commands.demo import demo
from kiq_trio.cli.commands.doctor import doctor
from kiq_trio.cli.commands.run import run

app = typer.Typer(
    help="Background jobs for Trio, in Sidekiq's format.",
    no_args_is_help=True,
    add_completion=False,
    # Theirs shows the local variables of every frame, which may be secrets.
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    app()


def version() -> None:
    """Print the version."""
    print(f"kiq_trio {__version__}")


for command in (run, doctor, demo, version):
    app.command()(command)
