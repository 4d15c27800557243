"""The texts of the files to start from; braces hold what varies."""

WORKER = '''\
"""The worker of jobs of the class {class_}."""

from kiq_trio import worker


{decorator}
async def {function}(subject_id: int) -> None:
    """Say here what the job does.

    It runs at least once: again, if the process that ran it died. So it must be
    harmless to begin anew.

    Args:
        subject_id: give ids rather than objects; arguments travel as JSON.
    """
'''

SUPERVISOR = '''\
"""The background jobs of this program: which queues, which workers.

Run them in a process of their own with `kiq-trio run {module}`, or inside of a
Trio program with `async with kiq:`.
"""

from kiq_trio import Kiq

kiq = Kiq(
    # How many jobs of each queue run at once.
    queues={{
{queues}    }},
    # What may be run: the class of a job is looked up here and nowhere else.
    workers=[],
    # Who listens to what happens to jobs.
    extra_reporters=[],
)
'''

REPORTER = '''\
"""A listener to what happens to jobs."""

from kiq_trio import Aborted, Failed, Interrupted, Job, Reporter, Snoozed, Succeeded


class {class_}(Reporter):
    """Say here what it does with what it hears.

    It is told after Redis knows, so it can neither lose nor delay a job. It may keep
    state: one task calls it, and no other.
    """

    async def handle_started(self, job: Job) -> None:
        """A worker is about to run *job*."""

    async def handle_success(self, job: Job, outcome: Succeeded) -> None:
        """It returned, after `outcome.took` seconds."""

    async def handle_failure(self, job: Job, outcome: Failed) -> None:
        """It raised `outcome.error`; the job is retried, dead, or gone."""

    async def handle_aborted(self, job: Job, outcome: Aborted) -> None:
        """The job was given up on purpose: `outcome.reason` says why."""

    async def handle_snoozed(self, job: Job, outcome: Snoozed) -> None:
        """It runs again in `outcome.seconds`."""

    async def handle_interrupted(self, job: Job, outcome: Interrupted) -> None:
        """A shutdown cancelled it; the job is back in its queue."""

    async def handle_stopped(self, job: Job) -> None:
        """The job has left, however it went; told last."""

    async def handle_lost(self, count: int) -> None:
        """We lagged: so many events will never be told."""
'''
