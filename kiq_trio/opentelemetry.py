"""Metrics and traces of jobs by OpenTelemetry, with the extra `otel`.

An `OpenTelemetryReporter` measures jobs, a `Tracing` follows them from where they are
enqueued to where they run::

    tracing = Tracing()
    kiq = Kiq(
        workers=WORKERS,
        extra_reporters=[OpenTelemetryReporter(workers=WORKERS)],
        client_middleware=[tracing.client],
        server_middleware=[tracing.server],
    )

The extra brings OpenTelemetry's interface only. Until your program sets up its SDK, and
an exporter, nothing is recorded. Arguments of jobs never are.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

try:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider, get_meter
    from opentelemetry.trace import (
        Span,
        SpanKind,
        Status,
        StatusCode,
        TracerProvider,
        get_tracer,
    )
    from opentelemetry.trace.propagation.tracecontext import (
        TraceContextTextMapPropagator,
    )
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] != "opentelemetry":
        raise
    raise ModuleNotFoundError(
        "kiq_trio.opentelemetry needs more than the library: "
        "pip install 'kiq-trio[otel]'",
        name=error.name,
    ) from None

from kiq_trio._faults import is_plain
from kiq_trio._pipeline.cancellation import is_cancellation, is_interrupt, sole_leaf
from kiq_trio._reporters.measuring import BUCKETS, Measuring
from kiq_trio._version import __version__
from kiq_trio.job import Job
from kiq_trio.middleware import ClientNext, ServerNext
from kiq_trio.verdicts import Cancel, Discard, Snooze, Verdict

__all__ = ["OpenTelemetryReporter", "Tracing"]

# As OpenTelemetry's instrumentation of Sidekiq names them, so that a trace reads the
# same on both sides.
_SYSTEM = {"messaging.system": "sidekiq"}
_CLASS = "messaging.sidekiq.job_class"
_QUEUE = "messaging.destination.name"
_OUTCOME = "kiq.job.outcome"

_W3C = TraceContextTextMapPropagator()


class OpenTelemetryReporter(Measuring):
    """Counts and times jobs by a meter of OpenTelemetry.

    It cannot count what it was not told; how much that is, it counts as well. After
    such a loss `kiq.jobs.running` begins anew at zero.

    Args:
        meter_provider: where the meter comes from; the program's own if None.
        workers: those whose names are attributes from the start; of others, the class
            is `unknown` until the first has run.

    Raises:
        ConfigError: one of *workers* is none.
    """

    def __init__(
        self,
        meter_provider: MeterProvider | None = None,
        *,
        workers: Iterable[Any] = (),
    ) -> None:
        super().__init__(_Metrics(meter_provider), workers)


class Tracing:
    """Follows jobs: `client` and `server` are middleware for the two sides.

    A trace is kept in the payload, as W3C's `traceparent` and `tracestate`, where
    OpenTelemetry's instrumentation of Sidekiq reads and writes it as well. It is no
    part of what makes a job unique.

    Args:
        tracer_provider: where the tracer comes from; the program's own if None.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        self._tracer = get_tracer("kiq_trio", __version__, tracer_provider)

    async def client(self, job: Job, call_next: ClientNext) -> Job:
        """Enqueue *job* in a span, which its runs will continue.

        A duplicate is in its span as well, with the jid of the job that kept it out.
        """
        with self._span("enqueue", "send", SpanKind.PRODUCER, job) as span:
            made = await call_next(_inject(job))
            if made.duplicate_of is not None:
                span.set_attribute("kiq.job.duplicate_of", made.duplicate_of)
            return made

    async def server(self, job: Job, call_next: ServerNext) -> Any:
        """Perform *job* in a span, below the one in which it was enqueued.

        Each try has a span of its own. What a worker raises is recorded in it, unless
        it says how its job goes on, or was cancelled.
        """
        # Empty: whatever goes on around the Kiq is not where the job comes from.
        origin = _W3C.extract(_carried(job), Context())
        consumer = SpanKind.CONSUMER
        with self._span("perform", "process", consumer, job, origin) as span:
            if job.retry_count is not None:
                span.set_attribute("kiq.job.retry_count", job.retry_count)
            said = await call_next(job)
            _note_verdict(span, said)
            return said

    @contextmanager
    def _span(
        self, name: str, kind: str, role: SpanKind, job: Job, origin: Any = None
    ) -> Iterator[Span]:
        attributes = {
            **_SYSTEM,
            _QUEUE: job.queue,
            _CLASS: job.job_class,
            "messaging.message.id": job.jid,
            "messaging.operation.name": name,
            "messaging.operation.type": kind,
        }
        with self._tracer.start_as_current_span(
            f"{name} {job.queue}",
            origin,
            role,
            attributes,
            # It would take a verdict for an error, and a cancellation.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                _note_error(span, error)
                raise


class _Metrics:
    def __init__(self, provider: MeterProvider | None) -> None:
        meter = get_meter("kiq_trio", __version__, provider)
        self._jobs = meter.create_counter(
            "kiq.jobs", "{job}", "Jobs that have left their consumer."
        )
        self._duration = meter.create_histogram(
            "kiq.job.duration",
            "s",
            "How long runs lasted, however they ended.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._running = meter.create_up_down_counter(
            "kiq.jobs.running", "{job}", "Jobs that run now."
        )
        self._lost = meter.create_counter(
            "kiq.events.lost", "{event}", "Events missing in the other metrics."
        )

    def ended(self, job_class: str, queue: str, outcome: str) -> None:
        self._jobs.add(1, {**_attributes(queue, job_class), _OUTCOME: outcome})

    def took(self, job_class: str, queue: str, seconds: float) -> None:
        self._duration.record(seconds, _attributes(queue, job_class))

    def running(self, queue: str, change: int) -> None:
        self._running.add(change, {**_SYSTEM, _QUEUE: queue})

    def lost(self, count: int) -> None:
        self._lost.add(count, _SYSTEM)


def _attributes(queue: str, job_class: str) -> dict[str, str]:
    return {**_SYSTEM, _QUEUE: queue, _CLASS: job_class}


def _inject(job: Job) -> Job:
    """Return *job* with the current span in its payload, if there is one."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    # Whoever called from outside may have sent any, and Sidekiq's UI prints it raw.
    if not is_plain(carrier.get("tracestate", "")):
        del carrier["tracestate"]
    if not carrier:
        return job
    # What it says of an earlier span must go: one may have state and the other none.
    stale = dict.fromkeys(_W3C.fields & job.rest.keys())
    return job.set(**{**stale, **carrier})


def _carried(job: Job) -> Mapping[str, str]:
    """Return what *job* says of its trace: anybody may have written it."""
    found = {name: job.rest.get(name) for name in _W3C.fields}
    return {name: value for name, value in found.items() if type(value) is str}


def _note_verdict(span: Span, said: object) -> bool:
    if isinstance(said, Snooze):
        span.set_attribute(_OUTCOME, "snoozed")
    elif isinstance(said, Discard | Cancel):
        span.set_attribute(_OUTCOME, "aborted")
    return isinstance(said, Verdict)


def _note_error(span: Span, error: BaseException) -> None:
    if _note_verdict(span, sole_leaf(error)):
        return
    if not isinstance(error, Exception) and (
        is_interrupt(error) or is_cancellation(error)
    ):
        # By a shutdown, a deadline or by people: a reporter learns by which.
        span.set_attribute(_OUTCOME, "cancelled")
        return
    span.set_attribute("error.type", type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR))
    # One whose text cannot be had must not take the place of what went wrong.
    with suppress(Exception):
        span.record_exception(error)
