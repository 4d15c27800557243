"""`kiq-trio retry`: jobs that failed, and wait for their next attempt."""

from kiq_trio._wire.client import Redis
from kiq_trio.api import OnPage, RetrySet
from kiq_trio.cli.asking import Yes
from kiq_trio.cli.connecting import Sidekiq
from kiq_trio.cli.filtering import Only, OnlyClass, OnlyQueue
from kiq_trio.cli.link import Link, linked
from kiq_trio.cli.set_commands import SetCommands
from kiq_trio.cli.targeting import All, OneJid, Target
from kiq_trio.cli.toiling import Toil

retry = SetCommands(
    kind=RetrySet,
    about="See jobs that failed; retry them now, kill or delete them.",
    lists="List jobs that wait for their next attempt, the earliest first.",
    runs="Retry a job now, or all; the attempt does not count as one of its retries.",
    run="Retry {}?",
    deletes="Delete a job, or all; there is no way back.",
).make()


@retry.command("kill")
@linked
def kill(
    link: Link,
    *,
    jid: OneJid = None,
    everything: All = False,
    job_class: OnlyClass = None,
    queue: OnlyQueue = None,
    yes: Yes = False,
    sidekiq: Sidekiq = 8,
) -> None:
    """Give a job up, or all: move them to the dead set.

    They can be run again from there. No callback of your program hears of it.
    """

    async def kill_all(redis: Redis, only: Only, on_page: OnPage) -> int:
        jobs = RetrySet(redis, sidekiq=sidekiq)
        return await jobs.kill_all(**only.words, on_page=on_page)

    only = Only(klass=job_class, queue=queue)
    target = Target(RetrySet.name, jid, everything, only)
    target.be_done(Toil(link, "killed"), kill_all, "Kill {}?", yes=yes)
