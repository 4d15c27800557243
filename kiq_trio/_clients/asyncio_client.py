"""For programs on asyncio: FastAPI, Starlette, Quart."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from kiq_trio._clients.connecting import RAW, check_client, find_address, reply_time
from kiq_trio._clients.desk import Desk, JobLike
from kiq_trio._clients.patience import Pause
from kiq_trio._clients.steps import Steps
from kiq_trio._pipeline.intake import Moment
from kiq_trio._pipeline.passing import around_storing
from kiq_trio._wire.redispy_clients import make_asyncio, with_sentinels
from kiq_trio.job import PAYLOAD_LIMIT, Job
from kiq_trio.middleware import ClientMiddleware
from kiq_trio.queue import OnFull, Queue
from kiq_trio.spans import Span

T = TypeVar("T")

# redis-py turns away who finds all of its connections in use, by default 100.
_MOST_AT_ONCE = 50


class AsyncioClient:
    """Enqueues jobs from a program on asyncio; it runs none.

    One is enough for an event loop: any number of its tasks may share it. Nothing is
    connected before it is first used::

        async with AsyncioClient() as jobs:
            await jobs.enqueue(welcome.new(user_id=42))

    A call that is cancelled may have stored its jobs all the same.

    Args:
        redis: a URL (`redis://`, `rediss://`, `unix://`, `redis+sentinel://`), by
            default the variable `REDIS_URL`, else `redis://localhost:6379/0`; or a
            client of `redis.asyncio`, whatever its options, which stays yours to close.
        queues: as for a `Kiq`; of interest here is `Queue(max_size=..., on_full=...)`.
        on_full: what `enqueue` does when a queue holds its `max_size`: "wait" for
            room, for `timeout`, or "raise" `QueueFull` at once.
        timeout: how long a call goes on when it gets nowhere, since Redis is away,
            refuses writes (`OOM`, `MISCONF`) or a queue is full; seconds, a
            `timedelta`, or None for ever. One that hangs may take 5 s more, or as
            long as your own client waits and repeats.
        client_middleware: as for a `Kiq`: async functions of `(job, call_next)`,
            which may wait for what asyncio knows.
        sidekiq: the oldest Sidekiq that shares this Redis: 8, 7 or 6.
        payload_limit: how many bytes a job may have; not more than those who run it
            take.

    Raises:
        ConfigError: an argument cannot work.
    """

    def __init__(
        self,
        redis: str | Redis | None = None,
        *,
        queues: Mapping[str, Queue | int] | None = None,
        on_full: OnFull = "wait",
        timeout: Span | None = 10.0,
        client_middleware: Sequence[ClientMiddleware] = (),
        sidekiq: int = 8,
        payload_limit: int = PAYLOAD_LIMIT,
    ) -> None:
        self._desk = Desk(
            queues, on_full, timeout, client_middleware, sidekiq, payload_limit
        )
        self._is_ours = redis is None or isinstance(redis, str)
        self._turns = asyncio.Semaphore(_MOST_AT_ONCE)
        self._redis: Any
        if redis is None or isinstance(redis, str):
            address = find_address(redis)
            self._redis = make_asyncio(address, timeout=reply_time(self._desk.timeout))
        else:
            self._redis = check_client(redis, Redis)

    async def enqueue(
        self,
        job: JobLike,
        *,
        in_: Span | None = None,
        at: Moment | None = None,
        deadline: Moment | None = None,
    ) -> Job:
        """Store *job* and return it as stored, once Redis has it.

        A unique job that another one keeps out is not stored: what comes back then
        has that one's jid as its `duplicate_of`.

        Args:
            job: made by `worker.new(...)`, or a mapping such as
                `{"class": "ExternalWorker", "args": [1]}`.
            in_: start it after so many seconds, or a `timedelta`.
            at: start it then: an aware `datetime` or epoch seconds. What is past
                starts now.
            deadline: cancel it if it still runs then, and do not run it later: an
                aware `datetime` or epoch seconds.

        Raises:
            ConfigError: a time, the queue or the jid cannot be.
            EncodeError: an argument is not JSON, or the job is too large.
            QueueFull: the queue holds its `max_size`; the job is not stored.
            UnknownOutcomeError: Redis was away for `timeout`; the job may be stored.
            redis.exceptions.RedisError: Redis refuses the job, which is not stored.
        """
        (stored,) = await self.enqueue_many([job], in_=in_, at=at, deadline=deadline)
        return stored

    async def enqueue_many(
        self,
        jobs: Iterable[JobLike],
        *,
        in_: Span | None = None,
        at: Moment | None = None,
        deadline: Moment | None = None,
    ) -> list[Job]:
        """Store *jobs* as `enqueue` does, up to a thousand in one round trip.

        All are checked before the first is stored. If it raises later, some of them
        may be stored: each of them once. With client middleware, each job has a round
        trip of its own.
        """
        held = self._desk.hold(jobs, deadline)
        chain = self._desk.middleware
        if not chain:
            return await self._take(self._desk.store(held, in_, at))
        looked = [self._desk.look(job, in_, at) for job in held]
        store = around_storing(chain, self._store)
        return [await store(job) for job in looked]

    async def find_lock_owner(self, job: JobLike) -> str | None:
        """Return the jid of the job that keeps *job* out; None if nobody does.

        Raises:
            ConfigError: it is no job.
            EncodeError: an argument is not JSON.
            redis.exceptions.RedisError: Redis was away for `timeout`, or refuses.
        """
        return await self._take(self._desk.find_lock_owner(job))

    async def unlock(self, job: JobLike) -> str | None:
        """Free the lock that keeps *job* out, and return the jid of who had it.

        That one runs all the same. None if nobody had it, or if it changed hands at
        this very moment. Raises what `find_lock_owner` does.
        """
        return await self._take(self._desk.unlock(job))

    async def aclose(self) -> None:
        """Close the connections, unless the client of redis-py is yours."""
        if self._is_ours:
            for client in with_sentinels(self._redis):
                await client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _store(self, job: Job) -> Job:
        (stored,) = await self._take(self._desk.store([job]))
        return stored

    async def _take(self, steps: Steps[T]) -> T:
        """Take *steps* one after the other, and return what they come to."""
        answer: Any = None
        try:
            while True:
                step = steps.send(answer)
                answer = None
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    continue
                try:
                    async with self._turns:
                        answer = await self._redis.execute_command(*step, **RAW)
                except (RedisError, OSError) as error:
                    answer = error
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()
