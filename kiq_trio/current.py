"""The job that the code which asks is part of."""

from contextvars import ContextVar

from kiq_trio.errors import NoJobError
from kiq_trio.job import Job

# Set by whoever runs jobs. The tasks and threads that a job starts see it as well,
# since Trio gives them a copy of the context.
running: ContextVar[Job] = ContextVar("kiq_trio.current.running")


def current_job() -> Job:
    """Return the job that is being run here, as it was fetched.

    Tasks and threads that were started by the job see it too.

    Raises:
        NoJobError: no job is being run here.
    """
    try:
        return running.get()
    except LookupError:
        raise NoJobError("current_job() was asked outside of a job") from None
