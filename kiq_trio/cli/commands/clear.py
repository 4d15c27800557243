"""`kiq-trio clear`: starting over."""

from kiq_trio._store.clearing import clear as clear_everything
from kiq_trio._store.counting import read_totals
from kiq_trio._store.inspecting import read_strangers
from kiq_trio._wire.client import Redis
from kiq_trio.cli.asking import Yes, confirm
from kiq_trio.cli.busy import busy
from kiq_trio.cli.connecting import Patience
from kiq_trio.cli.link import Link, linked


@linked
def clear(link: Link, *, yes: Yes = False) -> None:
    """Delete every job: enqueued, scheduled, to be retried, dead or held.

    While processes are registered, these may be the jobs of others: then it is done
    with --yes only.
    """
    strangers = link.ask(lambda redis: read_strangers(redis, ""))
    if strangers and not yes:
        link.fail(
            f"processes are registered ({', '.join(strangers)}); "
            "clear --yes deletes their jobs too"
        )
    confirm(link, "Delete every job in this Redis?", yes=yes)
    totals = link.ask(read_totals)
    count = totals.enqueued + totals.scheduled_size + totals.retry_size
    count += totals.dead_size + totals.held
    link.work(_clear)
    link.answer({"done": count, "of": count}, f"{count:,} deleted")


async def _clear(redis: Redis, patience: Patience) -> None:
    with busy("deleting all jobs, and the locks of unique ones") as tell:
        freed = 0

        def go_on(count: int) -> None:
            nonlocal freed
            freed += count
            patience.renew()
            tell(freed)

        await clear_everything(redis, go_on)
