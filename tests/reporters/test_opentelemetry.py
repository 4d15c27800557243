"""Jobs are measured and traced by OpenTelemetry, here with the SDK in memory."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import trio
from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import (
    TraceContextTextMapPropagator,
)
from trio.testing import MockClock

import kiq_trio.opentelemetry
from kiq_trio import (
    Cancel,
    Discard,
    Job,
    Kiq,
    Snooze,
    UnknownWorkerError,
    current_job,
    worker,
)
from kiq_trio.clients import SyncClient
from kiq_trio.events import (
    Aborted,
    Ended,
    Failed,
    Interrupted,
    Outcome,
    Snoozed,
    Started,
    Succeeded,
)
from kiq_trio.opentelemetry import OpenTelemetryReporter, Tracing
from tests.journey.conftest import KiqMaker, Recorder, places
from tests.reporters.conftest import import_anew
from tests.servers import RealServer

SECRET = "hunter2"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traces:
    """What a tracer of its own has recorded."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("the application")
        self.options: dict[str, Any] = both_of(Tracing(self.provider))

    def named(self, name: str) -> list[ReadableSpan]:
        return [s for s in self.exporter.get_finished_spans() if s.name == name]

    def one(self, name: str) -> ReadableSpan:
        [span] = self.named(name)
        return span


def both_of(tracing: Tracing) -> dict[str, Any]:
    return {
        "client_middleware": [tracing.client],
        "server_middleware": [tracing.server],
    }


@pytest.fixture
def traces() -> Iterator[Traces]:
    traces = Traces()
    yield traces
    traces.provider.shutdown()


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent is not None else None


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


@worker()
async def greet(password: str) -> None: ...


@worker()
def greet_in_a_thread() -> None:
    trace.get_current_span().set_attribute("seen", "in the thread")


@worker(retry=1)
async def fail_at_first() -> None:
    if current_job().retry_count is None:
        raise KeyError("no")


@worker()
async def say(kind: str, how: str) -> Any:
    verdict = {"snooze": Snooze(60), "discard": Discard(), "cancel": Cancel()}[kind]
    if how == "returned":
        return verdict
    if how == "grouped":
        raise ExceptionGroup("", [verdict])
    raise verdict


@worker()
async def sleep_long() -> None:
    await trio.sleep_forever()


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("I have no text")


@worker(retry=0)
async def fail_mutely() -> None:
    raise MuteError


async def test_a_job_is_traced_from_where_it_is_enqueued_to_where_it_runs(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces
) -> None:
    async with make_kiq(workers=[greet], **traces.options) as kiq:
        with traces.tracer.start_as_current_span("request"):
            job = await kiq.enqueue(greet.new(SECRET))
        await kiq.wait_idle()

    request, sent = traces.one("request"), traces.one("enqueue default")
    run = traces.one("perform default")
    assert (sent.kind, run.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert parent_of(sent) == request.context.span_id
    assert parent_of(run) == sent.context.span_id
    assert run.context.trace_id == request.context.trace_id
    assert attributes_of(sent) == {
        "messaging.system": "sidekiq",
        "messaging.destination.name": "default",
        "messaging.message.id": job.jid,
        "messaging.operation.name": "enqueue",
        "messaging.operation.type": "send",
        "messaging.sidekiq.job_class": "greet",
    }
    assert attributes_of(run) == {
        **attributes_of(sent),
        "messaging.operation.name": "perform",
        "messaging.operation.type": "process",
    }
    assert SECRET not in sent.to_json() + run.to_json()


async def test_the_trace_is_in_the_payload_as_w3c_says(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces
) -> None:
    async with make_kiq(server=False, **traces.options) as kiq:
        await kiq.enqueue(greet.new(SECRET))
        [payload] = (await places(kiq))["queue:default"]

    context = traces.one("enqueue default").context
    assert (
        Job.decode(payload)
        .rest["traceparent"]
        .startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")
    )


async def test_all_ways_of_enqueueing_are_traced(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces
) -> None:
    async with make_kiq(server=False, **traces.options) as kiq:
        with traces.tracer.start_as_current_span("request"):
            jobs = await kiq.enqueue_many([greet.new("a"), greet.new("b")])
            jobs.append(kiq.enqueue_nowait(greet.new("c")))

    request = traces.one("request")
    sent = traces.named("enqueue default")
    assert {parent_of(span) for span in sent} == {request.context.span_id}
    assert len({job.rest["traceparent"] for job in jobs}) == len(sent) == 3


async def test_a_trace_of_somebody_else_is_continued_with_its_state(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces
) -> None:
    foreign = Job.new(class_="greet", args=["x"], traceparent=PARENT, tracestate="a=1")
    options = {"server_middleware": traces.options["server_middleware"]}

    async with make_kiq(workers=[greet], **options) as kiq:
        await kiq.enqueue(foreign)
        await kiq.wait_idle()

    run = traces.one("perform default")
    assert f"{run.context.trace_id:032x}" in PARENT
    assert parent_of(run) == 0xB7AD6B7169203331
    assert run.context.trace_state.to_header() == "a=1"


@pytest.mark.parametrize("written", ["no", "", 5, None, ["a"], {"a": 1}])
async def test_what_is_no_trace_begins_a_new_one(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces, written: object
) -> None:
    foreign = Job.new(class_="greet", args=["x"], traceparent=written, tracestate=7)
    options = {"server_middleware": traces.options["server_middleware"]}

    with traces.tracer.start_as_current_span("the program"):
        async with make_kiq(workers=[greet], **options) as kiq:
            await kiq.enqueue(foreign)
            await kiq.wait_idle()

    run = traces.one("perform default")
    assert run.status.is_ok
    assert run.parent is None


async def test_an_older_trace_leaves_nothing_in_a_job_that_is_enqueued_again(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces
) -> None:
    old = greet.new("x").set(traceparent=PARENT, tracestate="a=1")

    async with make_kiq(server=False, **traces.options) as kiq:
        await kiq.enqueue(old)
        [payload] = (await places(kiq))["queue:default"]

    rest = Job.decode(payload).rest
    assert rest["traceparent"] != PARENT
    assert "tracestate" not in rest


async def test_what_came_from_outside_with_html_in_it_is_no_part_of_a_payload(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces
) -> None:
    headers = {"traceparent": PARENT, "tracestate": "a=<script>"}
    outside = attach(TraceContextTextMapPropagator().extract(headers))
    try:
        async with make_kiq(server=False, **traces.options) as kiq:
            job = await kiq.enqueue(greet.new("x"))
    finally:
        detach(outside)

    assert job.rest["traceparent"].split("-")[1] == PARENT.split("-")[1]
    assert "tracestate" not in job.rest


async def test_each_try_of_a_job_has_a_span_below_the_same(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces, recorder: Recorder
) -> None:
    async with make_kiq(workers=[fail_at_first], **traces.options) as kiq:
        await kiq.enqueue(fail_at_first.new())
        await recorder.heard("Succeeded")

    sent = traces.one("enqueue default")
    first, second = traces.named("perform default")
    assert parent_of(first) == parent_of(second) == sent.context.span_id
    assert first.status.status_code is StatusCode.ERROR
    assert attributes_of(first)["error.type"] == "KeyError"
    [event] = first.events
    assert event.name == "exception"
    assert (event.attributes or {})["exception.message"] == "'no'"
    assert second.status.is_ok
    assert attributes_of(second)["kiq.job.retry_count"] == 0


async def test_a_duplicate_names_the_job_that_keeps_it_out(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces
) -> None:
    async with make_kiq(server=False, **traces.options) as kiq:
        job = greet.new("x").set(unique_for=60)
        first = await kiq.enqueue(job)
        second = await kiq.enqueue(job)
        held = (await places(kiq))["queue:default"]

    assert second.duplicate_of == first.jid
    assert len(held) == 1
    one, other = map(attributes_of, traces.named("enqueue default"))
    assert "kiq.job.duplicate_of" not in one
    assert other["kiq.job.duplicate_of"] == first.jid


@pytest.mark.parametrize("how", ["raised", "returned", "grouped"])
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("snooze", "snoozed"), ("discard", "aborted"), ("cancel", "aborted")],
)
async def test_a_verdict_is_no_error(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    traces: Traces,
    kind: str,
    outcome: str,
    how: str,
) -> None:
    async with make_kiq(workers=[say], **traces.options) as kiq:
        await kiq.enqueue(say.new(kind, how))
        await kiq.wait_idle()

    run = traces.one("perform default")
    assert run.status.is_ok
    assert run.events == ()
    assert attributes_of(run)["kiq.job.outcome"] == outcome


async def test_a_cancellation_is_no_error(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces, recorder: Recorder
) -> None:
    options = {"workers": [sleep_long], "shutdown_timeout": 1, **traces.options}
    async with make_kiq(**options) as kiq:
        await kiq.enqueue(sleep_long.new())
        await recorder.heard("Started")

    run = traces.one("perform default")
    assert run.status.is_ok
    assert run.events == ()
    assert attributes_of(run)["kiq.job.outcome"] == "cancelled"


async def test_an_error_without_a_text_is_still_the_error(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces, recorder: Recorder
) -> None:
    async with make_kiq(workers=[fail_mutely], **traces.options) as kiq:
        await kiq.enqueue(fail_mutely.new())
        failed = await recorder.heard("Failed")

    assert isinstance(failed, Ended)
    assert isinstance(failed.outcome, Failed)
    assert isinstance(failed.outcome.error, MuteError)
    assert attributes_of(traces.one("perform default"))["error.type"] == "MuteError"


async def test_a_refused_job_has_its_error_in_its_span(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces
) -> None:
    async def refuse(job: Job, call_next: object) -> Job:
        raise PermissionError("not today")

    chain = [*traces.options["client_middleware"], refuse]
    async with make_kiq(server=False, client_middleware=chain) as kiq:
        with pytest.raises(PermissionError, match="not today"):
            await kiq.enqueue(greet.new("x"))

    sent = traces.one("enqueue default")
    assert sent.status.status_code is StatusCode.ERROR
    assert attributes_of(sent)["error.type"] == "PermissionError"


async def test_a_plain_function_sees_its_span_in_its_thread(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces, recorder: Recorder
) -> None:
    async with make_kiq(workers=[greet_in_a_thread], **traces.options) as kiq:
        await kiq.enqueue(greet_in_a_thread.new())
        await recorder.heard("Succeeded")

    assert attributes_of(traces.one("perform default"))["seen"] == "in the thread"


async def test_what_a_job_enqueues_is_below_its_span(
    autojump_clock: MockClock, make_kiq: KiqMaker, traces: Traces
) -> None:
    kiqs: list[Kiq] = []

    @worker()
    async def chain() -> None:
        await kiqs[0].enqueue(greet.set(queue="next").new("x"))

    async with make_kiq(
        workers=[chain, greet], queues={"default": 1, "next": 1}, **traces.options
    ) as kiq:
        kiqs.append(kiq)
        await kiq.enqueue(chain.new())
        await kiq.wait_idle()

    outer = traces.one("perform default")
    assert parent_of(traces.one("enqueue next")) == outer.context.span_id
    # Though it may be the same task that runs it.
    sent = traces.one("enqueue next").context.span_id
    assert parent_of(traces.one("perform next")) == sent


@pytest.mark.server
def test_a_client_of_another_program_begins_a_trace(
    real_server: RealServer, traces: Traces
) -> None:
    tracing = Tracing(traces.provider)
    with SyncClient(real_server.unix_url, client_middleware=[tracing.client]) as client:
        job = client.enqueue(greet.new(SECRET))

    context = traces.one("enqueue default").context
    assert f"{context.trace_id:032x}" in job.rest["traceparent"]


async def test_without_an_sdk_nothing_is_recorded_and_nothing_written(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    options = {"workers": [greet], "extra_reporters": [OpenTelemetryReporter()]}
    async with make_kiq(**options, **both_of(Tracing())) as kiq:
        job = await kiq.enqueue(greet.new("x"))
        await recorder.heard("Succeeded")

    assert "traceparent" not in job.rest


async def test_without_an_sdk_a_trace_is_passed_on(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False, **both_of(Tracing())) as kiq:
        job = await kiq.enqueue(greet.new("x").set(traceparent=PARENT))

    assert job.rest["traceparent"] == PARENT


MAIL = Job(job_class="Mail", queue="mail", jid="1")


class Measured:
    """A reporter with a meter of its own, and what that says."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])
        self.reporter = OpenTelemetryReporter(self.provider, workers=[greet])

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Return the attributes and the point of each series, but for the system."""
        data = self.reader.get_metrics_data()
        assert data is not None
        found: list[Any] = []
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        found += metric.data.data_points
        told = [(dict(point.attributes or {}), point) for point in found]
        assert all(t.pop("messaging.system") == "sidekiq" for t, _ in told)
        return told


@pytest.fixture
def measured() -> Iterator[Measured]:
    measured = Measured()
    yield measured
    measured.provider.shutdown()


async def test_events_of_every_kind_are_measured(measured: Measured) -> None:
    outcomes: dict[str, Outcome] = {
        "success": Succeeded(1.0),
        "failure": Failed(ValueError(), 2.0),
        "aborted": Aborted("expired"),
        "snoozed": Snoozed(60, 3.0),
        "interrupted": Interrupted(4.0),
    }
    events = [Ended(MAIL, outcome) for outcome in outcomes.values()]

    await measured.reporter.handle_events([Started(MAIL), *events])
    await measured.reporter.handle_lost(2)

    mail = {"messaging.destination.name": "mail", "messaging.sidekiq.job_class": "Mail"}
    jobs = measured.points("kiq.jobs")
    assert [attributes for attributes, _ in jobs] == [
        {**mail, "kiq.job.outcome": outcome} for outcome in outcomes
    ]
    assert [point.value for _, point in jobs] == [1] * 5
    [(attributes, took)] = measured.points("kiq.job.duration")
    assert attributes == mail
    assert (took.count, took.sum) == (4, 10.0)
    [(attributes, running)] = measured.points("kiq.jobs.running")
    assert attributes == {"messaging.destination.name": "mail"}
    assert running.value == 0
    [(_, lost)] = measured.points("kiq.events.lost")
    assert lost.value == 2


async def test_a_name_that_nobody_has_is_no_attribute(measured: Measured) -> None:
    stranger = Job(job_class="Stranger")
    error = UnknownWorkerError("Stranger", ())

    await measured.reporter.handle_events(
        [Ended(stranger, Failed(error, 1.0)), Ended(greet.new(""), Aborted("expired"))]
    )

    names = [t["messaging.sidekiq.job_class"] for t, _ in measured.points("kiq.jobs")]
    assert names == ["unknown", "greet"]


def test_without_its_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)

    with pytest.raises(ImportError, match=r"pip install 'kiq-trio\[otel\]'$"):
        import_anew(kiq_trio.opentelemetry.__file__)
