"""Looking at jobs and processes, Ruby's included, as `sidekiq/api` does.

So, in a Trio program::

    from kiq_trio import api

    async for job in api.RetrySet(kiq.redis):
        if job.display_class == "Mailer":
            await job.delete()

Everything stands on a `kiq_trio.Redis`, and asks it each time: nothing is kept. What a
record says is how it was when we looked; what is done to it is done only if it is
still there, as it was.
"""

from kiq_trio._store.charting import History
from kiq_trio._store.counting import QueueSummary
from kiq_trio._store.tending import OnPage, Progress
from kiq_trio.api.dead import DeadSet
from kiq_trio.api.entries import QueuedJob, SortedEntry
from kiq_trio.api.iterations import Iteration
from kiq_trio.api.pages import Each, Pages
from kiq_trio.api.payloads import Payload
from kiq_trio.api.processes import Process, ProcessSet
from kiq_trio.api.profiles import ProfileRecord, ProfileSet
from kiq_trio.api.queues import Queue
from kiq_trio.api.records import JobRecord
from kiq_trio.api.sets import JobSet, RetrySet, ScheduledSet
from kiq_trio.api.stats import Stats
from kiq_trio.api.work import Work, WorkSet

__all__ = [
    "DeadSet",
    "Each",
    "History",
    "Iteration",
    "JobRecord",
    "JobSet",
    "OnPage",
    "Pages",
    "Payload",
    "Process",
    "ProcessSet",
    "ProfileRecord",
    "ProfileSet",
    "Progress",
    "Queue",
    "QueueSummary",
    "QueuedJob",
    "RetrySet",
    "ScheduledSet",
    "SortedEntry",
    "Stats",
    "Work",
    "WorkSet",
]
