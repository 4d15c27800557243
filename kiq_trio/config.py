"""The options of a `Kiq`, checked before anything starts."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from kiq_trio._checks import at_least, instance, one_of, suggest, without_html
from kiq_trio._conversions import (
    CLOSED,
    SCHEDULERS,
    to_accepted,
    to_client_middleware,
    to_client_opts,
    to_on_death,
    to_on_lead,
    to_on_lead_lost,
    to_periodics,
    to_reporters,
    to_schedulers,
    to_server_middleware,
    to_workers,
)
from kiq_trio._fields import SIDEKIQS, WriteTime, time_writer
from kiq_trio.errors import ConfigError
from kiq_trio.job import PAYLOAD_LIMIT
from kiq_trio.middleware import ClientMiddleware, ServerMiddleware
from kiq_trio.options import Mourner
from kiq_trio.periodic import Periodic, gather
from kiq_trio.queue import ON_FULL, OnFull, Queue, make_queues
from kiq_trio.reporter import Reporter
from kiq_trio.spans import to_seconds
from kiq_trio.timing import Timing
from kiq_trio.worker import AnyWorker

LOG_FORMATS = ("json", "human")
"""What `log_format` may be."""

LogFormat: TypeAlias = Literal["json", "human"]

TEST_MODES = ("disabled", "sandbox", "inline")
"""What `test_mode` may be."""


@attrs.frozen(kw_only=True)
class Config:
    """What a `Kiq` was given; spans of time in seconds or as a `timedelta`.

    Attributes:
        workers: the workers this instance can run, by class name. A job of any
            other class is retried, never imported.
        queues: how many jobs of each queue run at once, or a `Queue`, which can limit
            how many wait as well.
        server: run jobs; with False, only enqueue them.
        periodics: what is enqueued again and again by the clock: `(crontab, worker)`,
            `(crontab, worker, {option: value})`, or a `Periodic`. Those of the
            decorator `periodic` are added.
        schedulers: the sets whose due jobs are moved to their queues.
        shutdown_timeout: how long running jobs may take to finish on a stop.
        fetch_interval: how often to look at an empty queue that cannot be waited
            on.
        flush_interval: how long `enqueue_nowait` gathers jobs for one flush.
        buffer_limit: how many jobs may wait in memory for Redis; those for a queue
            that is full, or that Redis refuses, count for that queue alone.
        payload_limit: bytes of a job, as it is stored, that `enqueue` takes at most.
            One of more than twice that, whoever wrote it, is buried without being
            read: what is in between may have grown by its failures.
        on_full: what `enqueue` does when a queue holds its `max_size`, or the buffer
            its `buffer_limit`: "wait" for room, or "raise" `QueueFull` or `BufferFull`.
        pool_size: how many connections may wait for jobs, one per queue.
        threads: how many plain functions may run at once; by default as many as
            jobs. With fewer, jobs wait for a thread here while another process
            might have one.
        dead_limit: how many jobs the dead set keeps.
        dead_timeout: how long it keeps them.
        on_death: functions to call with the job and its error whenever a job ends for
            good without success; async, or plain ones that do not wait. They are
            called before the job is moved, so a crash may repeat a call.
        campaign: whether this process may lead the cluster.
        on_lead: a function, or a list of them, plain or async, called without
            arguments whenever this process has taken the lead. What still runs
            when it loses the lead is cancelled.
        on_lead_lost: the same for when it leads no longer.
        extra_reporters: reporters beside the built-in ones.
        timing: the periods of the machinery; by default those of production, or
            for `memory://` those of a server that nobody else uses.
        tag: a label for this process in Sidekiq's UI.
        client_opts: the connection's: `redis_url`, and `command_timeout`, which goes
            before that of `timing`.
        test_mode: "disabled"; "sandbox" keeps every job in this process, where a
            test can look at it (see `kiq_trio.testing`), and runs none; "inline"
            performs it in the task that enqueues it.
        client_middleware: async functions of `(job, call_next)` around enqueueing, the
            first one outermost.
        server_middleware: such functions around the workers.
        log_format: "json" or "human", for the lines about jobs in the log.
        sidekiq: the oldest Sidekiq that shares this Redis, or whose Web UI looks at
            it: 8, 7 or 6. It decides how times are written, and under which keys
            running jobs and metrics are shown. All of them are read always.
        dear_leader: show in Sidekiq's UI which process leads. Only where there is no
            Sidekiq Enterprise, which elects its own leader by that key.
        accept: which jobs to run though they need middleware of Sidekiq Pro or
            Enterprise: "bid", those of a batch, which never hears of them, and
            "encrypt", whose last argument is ciphertext. Others are put off.
    """

    workers: dict[str, AnyWorker] = attrs.field(factory=dict, converter=to_workers)
    queues: dict[str, Queue] = attrs.field(
        factory=lambda: {"default": Queue()}, converter=make_queues
    )
    periodics: tuple[Periodic, ...] = attrs.field(default=(), converter=to_periodics)
    server: bool = attrs.field(default=True, validator=instance(bool, "True or False"))
    schedulers: tuple[str, ...] = attrs.field(
        default=SCHEDULERS,
        converter=to_schedulers,
    )
    shutdown_timeout: float = attrs.field(
        default=25.0, converter=to_seconds, validator=at_least(0)
    )
    fetch_interval: float = attrs.field(
        default=0.5, converter=to_seconds, validator=at_least(0.001)
    )
    flush_interval: float = attrs.field(
        default=0.01, converter=to_seconds, validator=at_least(0)
    )
    buffer_limit: int = attrs.field(default=10_000, validator=at_least(1, whole=True))
    payload_limit: int = attrs.field(
        default=PAYLOAD_LIMIT, validator=at_least(1, whole=True)
    )
    on_full: OnFull = attrs.field(default="wait", validator=one_of(ON_FULL))
    pool_size: int = attrs.field(default=5, validator=at_least(0, whole=True))
    threads: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(at_least(1, whole=True))
    )
    dead_limit: int = attrs.field(default=10_000, validator=at_least(0, whole=True))
    dead_timeout: float = attrs.field(
        default=15_552_000.0, converter=to_seconds, validator=at_least(0)
    )
    on_death: tuple[Mourner, ...] = attrs.field(default=(), converter=to_on_death)
    campaign: bool = attrs.field(
        default=True, validator=instance(bool, "True or False")
    )
    on_lead: tuple[Callable[[], Any], ...] = attrs.field(
        default=(), converter=to_on_lead
    )
    on_lead_lost: tuple[Callable[[], Any], ...] = attrs.field(
        default=(), converter=to_on_lead_lost
    )
    extra_reporters: tuple[Reporter, ...] = attrs.field(
        default=(), converter=to_reporters
    )
    timing: Timing = attrs.field(factory=Timing, validator=instance(Timing, "a Timing"))
    tag: str = attrs.field(default="", validator=[instance(str, "text"), without_html])
    client_opts: Mapping[str, float] = attrs.field(
        factory=dict, converter=to_client_opts
    )
    test_mode: str = attrs.field(default="disabled", validator=one_of(TEST_MODES))
    client_middleware: tuple[ClientMiddleware, ...] = attrs.field(
        default=(), converter=to_client_middleware
    )
    server_middleware: tuple[ServerMiddleware, ...] = attrs.field(
        default=(), converter=to_server_middleware
    )
    log_format: LogFormat = attrs.field(default="json", validator=one_of(LOG_FORMATS))
    sidekiq: int = attrs.field(default=8, validator=one_of(SIDEKIQS))
    dear_leader: bool = attrs.field(
        default=False, validator=instance(bool, "True or False")
    )
    accept: tuple[str, ...] = attrs.field(default=(), converter=to_accepted)

    def __attrs_post_init__(self) -> None:
        gather(self.periodics, self.workers.values())

    @property
    def all_periodics(self) -> tuple[Periodic, ...]:
        """Those that were given, and those of the workers."""
        return gather(self.periodics, self.workers.values())

    @property
    def unserved(self) -> dict[str, list[str]]:
        """The queues of workers that this `Kiq` does not work off, each with these."""
        found: dict[str, list[str]] = {}
        for name, worker in self.workers.items():
            if worker.options.queue not in self.queues:
                found.setdefault(worker.options.queue, []).append(name)
        return found

    @property
    def closed(self) -> tuple[str, ...]:
        """Fields of a payload that keep a job from being run here."""
        return tuple(name for name in CLOSED if name not in self.accept)

    @property
    def write_time(self) -> WriteTime:
        """What writes times as our Sidekiq does."""
        return time_writer(self.sidekiq)

    @property
    def concurrency(self) -> dict[str, int]:
        """How many jobs of each queue run at once."""
        return {name: queue.concurrency for name, queue in self.queues.items()}

    @property
    def total_concurrency(self) -> int:
        """How many jobs run at once."""
        return sum(self.concurrency.values())

    @property
    def max_sizes(self) -> dict[str, int]:
        """How many jobs may wait in the queues that are limited."""
        return {name: q.max_size for name, q in self.queues.items() if q.max_size}

    def may_wait(self, queue: str) -> bool:
        """Whether `enqueue` waits while *queue* is full."""
        known = self.queues.get(queue)
        own = known.on_full if known is not None else None
        return (own or self.on_full) == "wait"

    @property
    def thread_limit(self) -> int:
        """How many plain functions may run at once."""
        return self.threads or max(self.total_concurrency, 1)

    @property
    def command_timeout(self) -> float:
        """How many seconds Redis may take to answer before it is taken for hung."""
        return self.client_opts.get("command_timeout", self.timing.command)


OPTIONS = ("redis_url", *(field.name for field in attrs.fields(Config)))
"""What a `Kiq` can be given by its class, its caller, or its `init`."""


def make_config(options: Mapping[str, Any]) -> Config:
    """Check *options* and return them as a `Config`.

    Raises:
        ConfigError: an option is unknown, or its value cannot work.
    """
    for name in options:
        if name not in OPTIONS:
            raise ConfigError(
                f"unknown option {name!r}{suggest(name, OPTIONS)} "
                f"(known: {', '.join(OPTIONS)})"
            )
    try:
        return Config(**options)
    except TypeError as error:
        raise ConfigError(str(error)) from error
