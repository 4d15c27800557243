"""`kiq-trio dead`: jobs that were given up."""

from kiq_trio.api import DeadSet
from kiq_trio.cli.asking import Yes, confirm
from kiq_trio.cli.link import Link, linked
from kiq_trio.cli.set_commands import SetCommands
from kiq_trio.cli.toiling import Toil

dead = SetCommands(
    kind=DeadSet,
    about="See jobs that were given up; run them again or delete them.",
    lists="List dead jobs, those that died first in front.",
    runs="Run a dead job again, or all; it dies anew if it fails once more.",
    run="Run {} again?",
    deletes="Delete a dead job, or all; there is no way back.",
).make()


@dead.command("clear")
@linked
def clear(link: Link, *, yes: Yes = False) -> None:
    """Delete all dead jobs; as `delete --all`."""
    confirm(link, "Delete all dead jobs?", yes=yes)
    Toil(link, "deleted").all(
        lambda redis, on_page: DeadSet(redis).delete_all(on_page=on_page)
    )
