"""Keeps this process alive in the eyes of the others, and knows when it is not.

We beat from a thread with a small connection of its own, so that a job which
blocks the event loop is not taken for a dead process. The thread decides nothing:
it reports to the loop, which suspends the lease when no beat got through in time.

    beat every 5 s ── fenced after 20 s without one ── buried by others after 25 s

In process (`memory://`) there is no other process and no time but Trio's, so a
task beats instead.
"""

import logging
import secrets
import socket
from collections.abc import Callable
from os import environ, getpid

import attrs
import trio
from redis import Redis as SyncRedis

from kiq_trio._pipeline.lease import Lease
from kiq_trio._services.beater import (
    Pulse,
    beat_by_task,
    beat_by_thread,
    real_pulse,
    virtual_pulse,
)
from kiq_trio._services.watchdog import Watchdog
from kiq_trio._store.registering import Beat, leave, register
from kiq_trio._wire.client import Redis
from kiq_trio._wire.seam import Server
from kiq_trio.timing import Timing

logger = logging.getLogger("kiq_trio.presence")

_LAST_WORD = 0.5
_SHORTEST = 0.001


@attrs.define(eq=False)
class Presence:
    """Registers this process, beats, and renews the lease when it was lost.

    Attributes:
        redis: where we register.
        server: how the beating thread gets a connection of its own.
        lease: what we keep up to date.
        timing: how often.
        watchdog: warns of jobs that block the loop.
        on_burial: called when others have taken our jobs; ends our runs.
    """

    redis: Redis
    server: Server
    lease: Lease
    timing: Timing
    watchdog: Watchdog
    on_burial: Callable[[], None]
    _pulse: Pulse = attrs.field(init=False)
    _number: int = attrs.field(default=0, init=False)
    """Of our registration; 0 while we have none."""
    _staying: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _ended: trio.Event = attrs.field(factory=trio.Event, init=False)

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Register and beat, for ever."""
        client = self.server.connect_sync(timeout=self.timing.beat)
        self._pulse = virtual_pulse() if client is None else real_pulse()
        await self._register()
        task_status.started()
        try:
            with self._staying:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._beat_forever, client)
                    nursery.start_soon(self._fence_forever)
        finally:
            self._ended.set()

    def silence(self) -> float:
        """Return for how many seconds no beat of ours has got through."""
        return self._pulse.age

    async def leave(self) -> None:
        """Go for good; jobs we could not settle are left to the others."""
        # A beat that finds us gone would take it for a burial, and join anew.
        self._staying.cancel()
        # Only now is it certain under which name we are known: we may have been
        # joining anew.
        await self._ended.wait()
        if self.lease.identity and not await leave(self.redis, self.lease.identity):
            logger.warning(
                "%s leaves jobs behind; another process gives them back",
                self.lease.identity,
            )

    async def _register(self) -> None:
        while True:
            identity = new_identity()
            try:
                self._number = await register(self.redis, identity)
                # Cancelled while the answer came, we would start and end unheard.
                await trio.lowlevel.checkpoint_if_cancelled()
            except trio.Cancelled:
                # Redis may have acted, and nobody would beat for this identity.
                with trio.move_on_after(_LAST_WORD, shield=True):
                    await leave(self.redis, identity)
                raise
            if self._number:
                break
        self._pulse.hear(self._pulse.now())
        self.lease.grant(identity)
        logger.info("registered as %s", identity)

    async def _beat_forever(self, client: SyncRedis | None) -> None:
        interval = self.timing.beat
        while True:
            us = (self.lease.identity, self._number)
            if client is None:
                verdict = await beat_by_task(
                    self.redis, *us, self._pulse, interval=interval
                )
            else:
                with client:
                    verdict = await beat_by_thread(
                        client, *us, self._pulse, self.watchdog, interval=interval
                    )
            await self._register_anew(verdict)

    async def _register_anew(self, verdict: Beat) -> None:
        self._number = 0
        self.lease.suspend()
        if verdict is Beat.BURIED:
            logger.error(
                "%s was taken for dead and its jobs were given to others; "
                "they are cancelled here",
                self.lease.identity,
            )
            self.on_burial()
        else:
            logger.error("Redis has lost its data: we register anew")
        await self._register()

    async def _fence_forever(self) -> None:
        """Suspend the lease while no beat got through for `timing.fence`."""
        while True:
            age = self._pulse.age
            if age < self.timing.fence:
                if self._number and not self.lease.is_held:
                    logger.info("our beats get through again")
                    self.lease.resume()
                # A sleep too short for the clock to tell would be none, for ever.
                await trio.sleep(max(self.timing.fence - age, _SHORTEST))
            else:
                if self.lease.is_held:
                    logger.error("no beat for %.1f s: we fetch no more jobs", age)
                    self.lease.suspend()
                await self._pulse.wait_heard()


def new_identity() -> str:
    """Return a name for this process that no other ever had."""
    host = environ.get("DYNO") or socket.gethostname()
    return f"{host}:{getpid()}:{secrets.token_hex(12)}"
