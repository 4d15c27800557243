"""What can go wrong, each with the data to tell it and a sentence that helps."""

import attrs


class KiqError(Exception):
    """The base of every error that kiq_trio raises on purpose."""


@attrs.frozen(slots=False)
class ConfigError(KiqError, ValueError):
    """An option or an argument has a value that cannot work; the caller's mistake.

    Raised where it is given, before anything is done.
    """

    message: str

    def __str__(self) -> str:
        return self.message


@attrs.frozen(slots=False, init=False)
class CrontabError(ConfigError):
    """A crontab says what it cannot; the caller's mistake.

    Attributes:
        expression: the crontab.
        position: where the mistake begins, counted from 0.
        reason: what is wrong, and what is allowed there.
        field: `minutes`, `hours`, `days`, `months` or `weekdays`, if it is in one.
    """

    expression: str
    position: int
    reason: str
    field: str | None

    def __init__(
        self, expression: str, position: int, reason: str, field: str | None = None
    ) -> None:
        where = f"{field}, character" if field else "character"
        message = f"crontab {expression!r}, {where} {position + 1}: {reason}"
        # Made by attrs, which pyright does not know.
        init = self.__attrs_init__  # pyright: ignore[reportAttributeAccessIssue]
        init(message, expression, position, reason, field)


class NoPerformError(ConfigError, AttributeError):
    """A class of jobs without a method `perform` was asked for a job.

    To whoever only looks around, such as `hasattr`, it has no such attribute.
    """

    # Python notes on an AttributeError whose attribute it was.
    __setattr__ = Exception.__setattr__


@attrs.frozen(slots=False)
class EncodeError(KiqError, ValueError):
    """A job holds something that JSON cannot say, or too much; the caller's mistake.

    Raised by the call that was given the job: no other job is affected.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@attrs.frozen(slots=False)
class DecodeError(KiqError, ValueError):
    """A payload found in Redis is not a job; whoever wrote it made a mistake.

    Such a payload is never dropped: it goes to the dead set as it is.
    """

    reason: str

    def __str__(self) -> str:
        return f"not a job: {self.reason}"


@attrs.frozen(slots=False)
class UnknownWorkerError(KiqError):
    """A job names a class that no worker of this `Kiq` is registered for.

    The job is treated like any other failure: it is retried, since another
    release of the program, or another process, may well know the class.
    """

    job_class: str
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        known = ", ".join(sorted(self.known)) or "none"
        return f"no worker for {self.job_class!r} (registered: {known})"


@attrs.frozen(slots=False)
class ArgumentError(KiqError, TypeError):
    """A job's argument is not what its worker's type hint says.

    Whoever enqueued the job, in whatever language, and the worker disagree. The job
    is treated like any other failure: another release may well take it.
    """

    worker: str
    argument: str
    expected: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.worker}(): the argument {self.argument!r} must be "
            f"{self.expected}: {self.reason}"
        )


@attrs.frozen(slots=False)
class JobTimeoutError(KiqError, TimeoutError):
    """A job ran longer than its worker's `timeout`.

    Recorded as a failure even if the job swallowed the cancellation.
    """

    seconds: float

    def __str__(self) -> str:
        return f"still running after {self.seconds:g} s"


@attrs.frozen(slots=False)
class BufferFull(KiqError):  # noqa: N818 - named like queue.Full, which it resembles.
    """There is no room for a job in memory: Redis is away, or slower than you are.

    Nothing was buffered. Raised by `enqueue_nowait`; `await kiq.enqueue(...)` waits
    for room instead, unless the option `on_full` says "raise".
    """

    limit: int

    def __str__(self) -> str:
        return f"the buffer already holds {self.limit} jobs"


@attrs.frozen(slots=False)
class QueueFull(KiqError):  # noqa: N818 - as BufferFull.
    """A queue holds as many jobs as its `max_size` lets it.

    The job was not stored. Raised only where the option `on_full` says "raise";
    otherwise `enqueue` waits until a job of the queue has begun.
    """

    queue: str
    max_size: int

    def __str__(self) -> str:
        return f"the queue {self.queue!r} already holds {self.max_size} jobs"


@attrs.frozen(slots=False)
class UnknownOutcomeError(KiqError):
    """Redis was asked to store jobs, and did not say for too long whether it did.

    Raised only by the clients of `kiq_trio.clients`, when their `timeout` is over: a
    `Kiq` asks until it knows. Until then the very same call was repeated, which
    stores nothing twice. To enqueue such a job again is another call: if the first
    one was stored after all, the job is there twice, and runs twice. A unique job can
    be enqueued again without that, unless you gave it its jid: if the first one was
    stored, the second is its duplicate.

    Attributes:
        jids: of the jobs that may be stored, or may not.
        unstored: jids of the jobs of the same call that are not stored for certain;
            all others are, or are duplicates.
    """

    jids: tuple[str, ...]
    unstored: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = len(self.jids)
        what = f"job {self.jids[0]}" if count == 1 else f"{count} jobs"
        return f"{what} may or may not be stored: Redis did not answer in time"


@attrs.frozen(slots=False)
class NotRunningError(KiqError, RuntimeError):
    """A `Kiq` was used outside of its `async with` block; the caller's mistake."""

    message: str

    def __str__(self) -> str:
        return self.message


@attrs.frozen(slots=False)
class NoJobError(KiqError, RuntimeError):
    """Something that only a running job has was asked for elsewhere."""

    message: str

    def __str__(self) -> str:
        return self.message


@attrs.frozen(slots=False)
class ServerUnfitError(KiqError):
    """There is no Redis to be used: too old, evicting, a cluster, or not to be trusted.

    Final: it is raised once, at the start, instead of being retried for ever.
    """

    message: str

    def __str__(self) -> str:
        return self.message


@attrs.frozen(slots=False)
class FencedError(KiqError):
    """A process asked for jobs, but is not registered, or no longer.

    Others have buried it while it was silent, and run its jobs: it must cancel
    its own and register under a new identity.
    """

    identity: str

    def __str__(self) -> str:
        return f"{self.identity} is not registered, so it may not hold jobs"


@attrs.frozen(slots=False)
class QueuePausedError(KiqError):
    """Somebody paused a queue, so nothing was taken from it."""

    queue: str

    def __str__(self) -> str:
        return f"the queue {self.queue!r} is paused"
