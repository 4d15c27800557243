"""Beating: from a thread on a real server, from a task in process."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import attrs
import trio
from redis import Redis as SyncRedis
from redis.exceptions import RedisError

from kiq_trio._services.watchdog import Watchdog
from kiq_trio._store.registering import Beat, beat, beat_command, read_beat
from kiq_trio._wire.client import Redis

logger = logging.getLogger("kiq_trio.presence")


@attrs.define(eq=False)
class Pulse:
    """When we were last heard.

    Attributes:
        now: the clock that judges; it never jumps.
        heard_at: when the last beat that got through was sent, on that clock.
    """

    now: Callable[[], float]
    heard_at: float = attrs.field(init=False)
    _token: trio.lowlevel.TrioToken = attrs.field(
        factory=trio.lowlevel.current_trio_token, init=False
    )
    _news: trio.Event = attrs.field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self.heard_at = self.now()

    def hear(self, sent_at: float) -> None:
        """Note that a beat got through, and tell who waits for one."""
        self.heard_at = sent_at
        self._tell()

    def hear_from_thread(self, sent_at: float) -> None:
        """Do the same in a thread, even while the loop is blocked."""
        self.heard_at = sent_at
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._tell, idempotent=True)

    async def wait_heard(self) -> None:
        """Wait until the next beat gets through."""
        await self._news.wait()

    def _tell(self) -> None:
        news, self._news = self._news, trio.Event()
        news.set()

    @property
    def age(self) -> float:
        """How long ago that was, in seconds."""
        return self.now() - self.heard_at


async def beat_by_task(
    link: Redis, identity: str, number: int, pulse: Pulse, *, interval: float
) -> Beat:
    """Beat until Redis no longer knows us; return what it says."""
    while True:
        sent_at = pulse.now()
        try:
            with trio.fail_after(interval):
                verdict = await beat(link, identity, number)
        except (RedisError, trio.TooSlowError) as error:
            logger.debug("a beat did not get through: %r", error)
            # Sooner than usual, as the thread does: three lost ones are a burial.
            await trio.sleep(interval / 10)
        else:
            if verdict is not Beat.ALIVE:
                return verdict
            pulse.hear(sent_at)
            await trio.sleep(interval)


async def beat_by_thread(
    client: SyncRedis,
    identity: str,
    number: int,
    pulse: Pulse,
    watchdog: Watchdog,
    *,
    interval: float,
) -> Beat:
    """Do the same from a thread, which beats on while the loop is blocked."""
    stop = threading.Event()
    thread = BeatThread(client, identity, number, pulse, watchdog, interval, stop)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.tick_forever)
        try:
            # Abandoned on cancel, for it may be waiting for a Redis that hangs.
            # It ends by itself, at the latest when its connection times out.
            verdict = await trio.to_thread.run_sync(
                thread.run, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1)
            )
        finally:
            stop.set()
        nursery.cancel_scope.cancel()
    return verdict


@attrs.define(eq=False)
class BeatThread:
    """What runs in the thread: beats now and then, looks at the loop more often."""

    client: SyncRedis
    identity: str
    number: int
    pulse: Pulse
    watchdog: Watchdog
    interval: float
    stop: threading.Event

    def run(self) -> Beat:
        """Beat until Redis no longer knows us, or until told to stop."""
        command = beat_command(self.identity)
        due_at = self.pulse.now()
        while not self.stop.is_set():
            may_beat = self.watchdog.look()
            if may_beat and self.pulse.now() >= due_at:
                sent_at = self.pulse.now()
                try:
                    # redis-py has no types here.
                    reply = self.client.execute_command(*command)  # type: ignore[no-untyped-call]
                    verdict = read_beat(reply, self.number)
                except (RedisError, OSError, ValueError) as error:
                    # ValueError: the connection was closed under our hands.
                    logger.debug("a beat did not get through: %r", error)
                    # Sooner than usual: once fenced, we fetch nothing until one does.
                    due_at = sent_at + self.interval / 10
                else:
                    if verdict is not Beat.ALIVE:
                        return verdict
                    self.pulse.hear_from_thread(sent_at)
                    due_at = sent_at + self.interval
            self.stop.wait(min(self.interval / 10, self.watchdog.interval))
        return Beat.ALIVE


def real_pulse() -> Pulse:
    """Return a pulse that threads can take: on the system's steady clock."""
    return Pulse(time.monotonic)


def virtual_pulse() -> Pulse:
    """Return a pulse on Trio's clock, for tests."""
    return Pulse(trio.current_time)
