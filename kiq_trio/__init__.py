"""Background jobs for Trio, in Sidekiq's format.

Where a job is, from `enqueue` to done: it waits in `_pipeline/buffer.py` until
Redis has it, is fetched by `_pipeline/producer.py`, runs in `_pipeline/runner.py`
and is settled by `_pipeline/settlement.py` and `_pipeline/settler.py`. `kiq.py` is
the door, `_house.py` says who is inside whom.
"""

from kiq_trio._layers import IGNORE
from kiq_trio._reporters.instrumenter import Instrumenter
from kiq_trio._store.rota import Listed
from kiq_trio._version import __version__
from kiq_trio._wire.client import Redis
from kiq_trio._wire.seam import Server
from kiq_trio._wire.servers import server_from_url
from kiq_trio.config import Config
from kiq_trio.converter import make_converter
from kiq_trio.crontab import Crontab
from kiq_trio.current import current_job
from kiq_trio.errors import (
    ArgumentError,
    BufferFull,
    ConfigError,
    CrontabError,
    DecodeError,
    EncodeError,
    JobTimeoutError,
    KiqError,
    NoJobError,
    NotRunningError,
    QueueFull,
    ServerUnfitError,
    UnknownOutcomeError,
    UnknownWorkerError,
)
from kiq_trio.events import (
    Aborted,
    Ended,
    Failed,
    Interrupted,
    Snoozed,
    Started,
    Succeeded,
)
from kiq_trio.job import Job
from kiq_trio.kiq import Kiq
from kiq_trio.middleware import (
    ClientMiddleware,
    ClientNext,
    ServerMiddleware,
    ServerNext,
)
from kiq_trio.options import Options
from kiq_trio.periodic import Periodic, periodic
from kiq_trio.queue import Queue
from kiq_trio.reporter import Reporter
from kiq_trio.stats import Stats
from kiq_trio.timing import Timing
from kiq_trio.verdicts import DISCARD, KILL, Cancel, Discard, Snooze, Verdict
from kiq_trio.worker import FunctionWorker, worker
from kiq_trio.worker_class import Worker

__all__ = [
    "DISCARD",
    "IGNORE",
    "KILL",
    "Aborted",
    "ArgumentError",
    "BufferFull",
    "Cancel",
    "ClientMiddleware",
    "ClientNext",
    "Config",
    "ConfigError",
    "Crontab",
    "CrontabError",
    "DecodeError",
    "Discard",
    "EncodeError",
    "Ended",
    "Failed",
    "FunctionWorker",
    "Instrumenter",
    "Interrupted",
    "Job",
    "JobTimeoutError",
    "Kiq",
    "KiqError",
    "Listed",
    "NoJobError",
    "NotRunningError",
    "Options",
    "Periodic",
    "Queue",
    "QueueFull",
    "Redis",
    "Reporter",
    "Server",
    "ServerMiddleware",
    "ServerNext",
    "ServerUnfitError",
    "Snooze",
    "Snoozed",
    "Started",
    "Stats",
    "Succeeded",
    "Timing",
    "UnknownOutcomeError",
    "UnknownWorkerError",
    "Verdict",
    "Worker",
    "__version__",
    "current_job",
    "make_converter",
    "periodic",
    "server_from_url",
    "worker",
]
