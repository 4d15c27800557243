"""Settles jobs that did not succeed, and asks whom their owner wants to be asked.

Whoever is asked or told is called before the job is moved: a crash in between may
repeat a call, and never loses one.
"""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from kiq_trio._fields import WriteTime, to_ms
from kiq_trio._pipeline.cancellation import is_cancellation, is_interrupt
from kiq_trio._pipeline.settlement import (
    Circumstances,
    Course,
    Failure,
    RetryWish,
    assess,
    place,
    settle,
)
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.settling import Kill, Retry, Settlement
from kiq_trio.errors import EncodeError
from kiq_trio.events import Aborted, Failed, Outcome
from kiq_trio.job import Job
from kiq_trio.options import Mourner
from kiq_trio.spans import FAR, is_span, to_seconds
from kiq_trio.unique import lock_of
from kiq_trio.verdicts import DISCARD, KILL, Discard, Wish
from kiq_trio.worker import AnyWorker

logger = logging.getLogger("kiq_trio.failing")


@attrs.define(eq=False)
class Failures:
    """Finds the next place of jobs that did not succeed.

    Attributes:
        workers: those that are run here, by class name.
        on_death: who is told of each job that ends for good without success.
        now: returns epoch seconds.
        random: returns chance, from 0 up to 1.
        retry_factor: what delays between retries are multiplied with.
        write_time: how our Sidekiq writes times.
    """

    workers: Mapping[str, AnyWorker]
    on_death: Sequence[Mourner]
    now: Callable[[], float]
    random: Callable[[], float]
    retry_factor: float = 1.0
    write_time: WriteTime = to_ms

    async def settle(self, delivery: Delivery, outcome: Outcome) -> Settlement:
        """Return where the job goes now.

        A cancellation that is felt in here changes nothing of that. Whoever calls
        must pass a checkpoint afterwards, where it is felt again.
        """
        # Decoded anew: a worker may have changed its arguments, but what is tried
        # again is what was asked for.
        job = Job.decode(delivery.payload)
        if job.queue != delivery.queue:
            job = attrs.evolve(job, queue=delivery.queue)
        worker = self.workers.get(job.job_class)
        given = Circumstances(
            now=self.now(),
            random=self.random,
            retry=worker.options.retry if worker else True,
            retry_factor=self.retry_factor,
            write_time=self.write_time,
        )
        try:
            if type(outcome) is Failed:
                return await self._settle_failure(
                    assess(job, outcome.error, given), given, worker
                )
            if type(outcome) is Aborted and outcome.reason == "discarded":
                await self._mourn(job, Discard(outcome.detail))
            return settle(job, outcome, given)
        except EncodeError as error:
            # JSON that Ruby could not read back, nested too deeply for one.
            logger.error("job %s cannot be stored again as it is: %s", job.jid, error)
            return Kill(given.now, delivery.payload, lock_of(job))

    async def _settle_failure(
        self, failure: Failure, given: Circumstances, worker: AnyWorker | None
    ) -> Settlement:
        wish: RetryWish = None
        if worker is not None and failure.course is Course.RETRY:
            wish = self._ask_when(worker, failure)
        if failure.course is Course.EXHAUSTED or wish is KILL:
            wish = await self._ask_whether(worker, failure)
        settlement = place(failure, given, wish)
        if type(settlement) is not Retry:
            await self._mourn(failure.job, failure.error)
        return settlement

    def _ask_when(self, worker: AnyWorker, failure: Failure) -> RetryWish:
        retry_in = worker.options.retry_in
        if retry_in is None:
            return None
        job = failure.job
        try:
            answer = retry_in(job.retry_count or 0, failure.error, job)
        except BaseException as raised:
            # Whatever else it raises, such as SystemExit, would end the process, and
            # the next one that runs the job.
            if is_interrupt(raised):
                raise
            logger.exception("retry_in of %r raised: the usual delay is taken", worker)
            return None
        wish = to_seconds(answer)
        if wish is None or isinstance(wish, Wish):
            return wish
        if is_span(wish) and wish < FAR:
            return float(wish)
        logger.warning(
            "retry_in of %r returned %r, neither seconds nor DISCARD or KILL: "
            "the usual delay is taken",
            worker,
            answer,
        )
        return None

    async def _ask_whether(self, worker: AnyWorker | None, failure: Failure) -> Wish:
        on_exhausted = worker.options.on_exhausted if worker else None
        if on_exhausted is None:
            return KILL
        answer = await _call("on_exhausted", on_exhausted, failure.job, failure.error)
        return DISCARD if answer is DISCARD else KILL

    async def _mourn(self, job: Job, error: BaseException) -> None:
        for mourner in self.on_death:
            await _call("on_death", mourner, job, error)


async def _call(name: str, mourner: Mourner, job: Job, error: BaseException) -> Any:
    """Call a function of the user's, whatever it does; None if it raises."""
    try:
        answer = mourner(job, error)
        return await answer if inspect.isawaitable(answer) else answer
    except BaseException as failure:
        if is_interrupt(failure):
            raise
        if is_cancellation(failure):
            logger.warning("%s %r was cut off for job %s", name, mourner, job.jid)
        else:
            logger.exception("%s %r raised for job %s", name, mourner, job.jid)
        return None
