"""What every client does, whatever its loop: checks, stamps, and says the steps."""

import math
import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from kiq_trio._checks import at_least, one_of
from kiq_trio._clients.clerks import Clerks
from kiq_trio._clients.delivery import Delivery
from kiq_trio._clients.patience import Patience
from kiq_trio._clients.steps import Steps, insist
from kiq_trio._fields import SIDEKIQS, WriteTime, time_writer
from kiq_trio._pipeline.claiming import token_of
from kiq_trio._pipeline.entry import Entry
from kiq_trio._pipeline.intake import (
    Moment,
    hold_to,
    make_jids,
    prepare,
    read_job,
    stamp,
)
from kiq_trio._store.keys import unique_key
from kiq_trio._store.scripts import RELEASE
from kiq_trio.errors import ConfigError
from kiq_trio.job import PAYLOAD_LIMIT, Job
from kiq_trio.middleware import ClientMiddleware, check_middleware
from kiq_trio.queue import ON_FULL, OnFull, Queue, make_queues
from kiq_trio.spans import Span, check_span

JobLike: TypeAlias = Job | Mapping[str, Any]


def _check_on_full(given: Any) -> OnFull:
    if given not in ON_FULL:
        raise ConfigError(f"on_full must be 'wait' or 'raise', got {given!r}")
    on_full: OnFull = given
    return on_full


def _check_timeout(given: Any) -> float:
    return math.inf if given is None else check_span("timeout", given)


def _check_middleware(given: Any) -> tuple[ClientMiddleware, ...]:
    return check_middleware("client_middleware", given)


def _make_queues(given: Any) -> dict[str, Queue]:
    return make_queues(given or {})


@attrs.define(eq=False)
class Desk:
    """Turns what a client is asked into steps.

    Attributes:
        queues: what is known of queues; of a client's interest is how many jobs they
            may hold.
        on_full: what to do with a job for a full queue.
        timeout: for how many seconds a call goes on without getting anywhere.
        middleware: what is around the storing of a job, the outermost first.
        clock: returns the epoch seconds to stamp jobs with.
        sidekiq: how times are written, as in `kiq_trio.config.Config`.
        payload_limit: how many bytes a job may have, as there.
        monotonic: returns the seconds to measure with.
        random: returns chance, from 0 up to 1.
    """

    queues: dict[str, Queue] = attrs.field(converter=_make_queues)
    on_full: OnFull = attrs.field(converter=_check_on_full)
    timeout: float = attrs.field(converter=_check_timeout)
    middleware: tuple[ClientMiddleware, ...] = attrs.field(converter=_check_middleware)
    sidekiq: int = attrs.field(default=8, validator=one_of(SIDEKIQS))
    payload_limit: int = attrs.field(
        default=PAYLOAD_LIMIT, validator=at_least(1, whole=True)
    )
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    _clerks: Clerks = attrs.field(factory=Clerks, init=False)
    _write_time: WriteTime = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._write_time = time_writer(self.sidekiq)

    def hold(self, jobs: Iterable[JobLike], deadline: Moment | None) -> list[JobLike]:
        """Return *jobs* as jobs that must have ended at *deadline*, if there is one."""
        if deadline is None:
            return list(jobs)
        return [hold_to(job, deadline) for job in jobs]

    def look(self, job: JobLike, in_: Span | None, at: Moment | None) -> Job:
        """Return *job* as middleware is given it: it could be stored as it is."""
        [jid] = make_jids(1)
        made = stamp(
            job,
            now=self.clock(),
            jid=jid,
            in_=in_,
            at=at,
            write_time=self._write_time,
        )
        self._prepare(made, jid, None, None)
        return made

    def store(
        self,
        jobs: Iterable[JobLike],
        in_: Span | None = None,
        at: Moment | None = None,
    ) -> Steps[list[Job]]:
        """Store *jobs*, and return them as stored."""
        wanted = list(jobs)
        prepared = [
            self._prepare(job, jid, in_, at)
            for job, jid in zip(wanted, make_jids(len(wanted)), strict=True)
        ]
        max_sizes = {name: q.max_size for name, q in self.queues.items() if q.max_size}
        with self._clerks.borrow() as clerk:
            entries = [entry for _, entry in prepared]
            delivery = Delivery.load(entries, clerk, max_sizes, self._patience())
            yield from delivery.steps()
        return [
            made.set(duplicate_of=entry.duplicate_of) if entry.duplicate_of else made
            for made, entry in prepared
        ]

    def find_lock_owner(self, job: JobLike) -> Steps[str | None]:
        """Return the jid of the job that keeps *job* out."""
        command = ("GET", unique_key(token_of(read_job(job))))
        owner = yield from insist(command, self._patience())
        return None if owner is None else owner.decode(errors="replace")

    def unlock(self, job: JobLike) -> Steps[str | None]:
        """Free the lock that keeps *job* out; return the jid of who had it."""
        owner = yield from self.find_lock_owner(job)
        if owner is None:
            return None
        command = RELEASE((unique_key(token_of(read_job(job))),), (owner,))
        return owner if (yield from insist(command, self._patience())) else None

    def _prepare(
        self, job: JobLike, jid: str, in_: Span | None, at: Moment | None
    ) -> tuple[Job, Entry]:
        made, entry = prepare(
            job,
            now=self.clock(),
            jid=jid,
            in_=in_,
            at=at,
            write_time=self._write_time,
            limit=self.payload_limit,
        )
        known = self.queues.get(made.queue)
        own = known.on_full if known is not None else None
        entry.may_wait = (own or self.on_full) == "wait"
        return made, entry

    def _patience(self) -> Patience:
        return Patience(self.timeout, self.monotonic, self.random)
