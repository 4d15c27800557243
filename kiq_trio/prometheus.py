"""Metrics of jobs for Prometheus, with the extra `prometheus`.

A `PrometheusReporter` keeps them in a registry of prometheus-client::

    kiq = Kiq(workers=WORKERS, extra_reporters=[PrometheusReporter(workers=WORKERS)])
    prometheus_client.start_http_server(9100)

Which web server shows them is yours to say: `start_http_server` of prometheus-client
has a thread of its own, `make_asgi_app` and `generate_latest` fit into an application.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

try:
    import prometheus_client
except ModuleNotFoundError as error:
    if error.name != "prometheus_client":
        raise
    raise ModuleNotFoundError(
        "kiq_trio.prometheus needs more than the library: "
        "pip install 'kiq-trio[prometheus]'",
        name=error.name,
    ) from None

from kiq_trio._reporters.measuring import BUCKETS, Measuring
from kiq_trio.errors import ConfigError

__all__ = ["PrometheusReporter"]

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class PrometheusReporter(Measuring):
    """Counts and times jobs in a registry of prometheus-client.

    It cannot count what it was not told; how much that is, it counts as well. After
    such a loss the gauge begins anew at zero: it shows too few until the jobs that ran
    then have ended, and never too many.

    Args:
        registry: where the metrics are registered.
        prefix: how their names begin.
        workers: those whose names are labels from the start; of others, the class is
            `unknown` until the first has run.
        buckets: seconds between which durations are told apart.

    Raises:
        ConfigError: *prefix* is no name, or one of *workers* is none.
        ValueError: *registry* has metrics called so, or *buckets* do not rise.
    """

    def __init__(
        self,
        registry: prometheus_client.CollectorRegistry = prometheus_client.REGISTRY,
        prefix: str = "kiq",
        *,
        workers: Iterable[Any] = (),
        buckets: Sequence[float] = BUCKETS,
    ) -> None:
        _check_prefix(prefix)
        super().__init__(_Metrics(registry, prefix, buckets), workers)


class _Metrics:
    def __init__(
        self,
        registry: prometheus_client.CollectorRegistry,
        prefix: str,
        buckets: Sequence[float],
    ) -> None:
        self._jobs = prometheus_client.Counter(
            f"{prefix}_jobs",
            "Jobs that have left their consumer, by how they ended.",
            ("class", "queue", "outcome"),
            registry=registry,
        )
        self._duration = prometheus_client.Histogram(
            f"{prefix}_job_duration_seconds",
            "How long runs lasted, however they ended.",
            ("class", "queue"),
            registry=registry,
            buckets=buckets,
        )
        self._running = prometheus_client.Gauge(
            f"{prefix}_jobs_running",
            "Jobs that run now.",
            ("queue",),
            registry=registry,
            # Where several processes share their metrics: of those that live.
            multiprocess_mode="livesum",
        )
        self._lost = prometheus_client.Counter(
            f"{prefix}_events_lost",
            "Events that are missing in the other metrics.",
            registry=registry,
        )

    def ended(self, job_class: str, queue: str, outcome: str) -> None:
        self._jobs.labels(job_class, queue, outcome).inc()

    def took(self, job_class: str, queue: str, seconds: float) -> None:
        self._duration.labels(job_class, queue).observe(seconds)

    def running(self, queue: str, change: int) -> None:
        self._running.labels(queue).inc(change)

    def lost(self, count: int) -> None:
        self._lost.inc(count)


def _check_prefix(prefix: Any) -> None:
    if not isinstance(prefix, str) or not _NAME.fullmatch(prefix):
        raise ConfigError(
            f"prefix must be letters, digits and _, no digit first, got {prefix!r}"
        )
