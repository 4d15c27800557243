"""Finds processes that have died and gives their jobs back.

(In Kiq, the Necromancer resurrected jobs; here nobody needs to be the leader.)

A process is dead when its beat counter has stood still for `timing.burial` on our
own steady clock. Any gap in our looking, be it an outage, a pause of ours or a
jump of somebody's clock, clears our notes: we bury nobody we have not watched.
So does a silence of our own: where our beats do not get through, as when Redis takes
no writes but can be read, those of all others need not either.
"""

import logging
from collections.abc import Callable

import attrs
import trio
from redis.exceptions import RedisError, ResponseError

from kiq_trio._fields import WriteTime, to_ms
from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._services.recovery import recover
from kiq_trio._store.burying import (
    bury,
    bury_orphan,
    drain,
    look_around,
    read_grave,
)
from kiq_trio._store.showing import hide
from kiq_trio._wire.client import Redis
from kiq_trio.timing import GAP, Timing

logger = logging.getLogger("kiq_trio.rescuer")


@attrs.define
class Note:
    """What we saw of a process, and since when it has not changed."""

    counter: int
    since: float


@attrs.define(eq=False)
class Rescuer:
    """Buries the dead and drains their graves.

    Attributes:
        redis: where everybody's counters and backups are.
        timing: how often to look, how long to wait.
        silence: returns for how many seconds no beat of ours has got through.
        now: returns epoch seconds, for stamps.
        dead_limit: how many jobs the dead set keeps.
        dead_timeout: for how many seconds.
        write_time: how our Sidekiq writes times.
    """

    redis: Redis
    timing: Timing
    silence: Callable[[], float]
    now: Callable[[], float]
    dead_limit: int
    dead_timeout: float
    write_time: WriteTime = to_ms
    _notes: dict[str, Note] = attrs.field(factory=dict, init=False)
    _orphans: dict[str, float] = attrs.field(factory=dict, init=False)
    _complaints: Complaints = attrs.field(init=False)
    _stuck: Complaints = attrs.field(init=False)
    _looked_at: float = attrs.field(default=float("-inf"), init=False)

    def __attrs_post_init__(self) -> None:
        self._complaints = Complaints(
            logger, "the dead are not looked for", "the dead are looked for again"
        )
        self._stuck = Complaints(
            logger, "jobs of {} cannot be given back", "jobs of {} are given back"
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Look around, for ever."""
        task_status.started()
        while True:
            try:
                await self.look()
            except RedisError as error:
                self._complaints.make(error)
                self._forget()
            else:
                self._complaints.withdraw()
            await trio.sleep(self.timing.observe)

    async def look(self) -> None:
        """Look at everybody once, and do what is to be done."""
        seen = await look_around(self.redis)
        looked_at = trio.current_time()
        if (
            looked_at - self._looked_at > GAP * self.timing.observe
            or self.silence() > self.timing.burial / 2
        ):
            self._forget()
        self._looked_at = looked_at
        graves = seen.graves
        for identity, counter in self._stood_still(seen.counters):
            if await bury(self.redis, identity, counter):
                graves.add(identity)
                logger.warning("%s is dead; its jobs are given back", identity)
        for identity in self._long_unowned(seen.orphans):
            if await bury_orphan(self.redis, identity):
                graves.add(identity)
                logger.warning("%s had left jobs behind", identity)
        stuck = set()
        for identity in sorted(graves):
            try:
                await self._drain(identity)
            except ResponseError as error:
                # One grave that Redis will not let us empty stays; the others,
                # and those who die meanwhile, need not wait for it.
                self._stuck.make(error, identity)
                stuck.add(identity)
        self._stuck.withdraw_others(stuck)

    def _stood_still(self, counters: dict[str, int]) -> list[tuple[str, int]]:
        now = self._looked_at
        notes = {}
        for identity, counter in counters.items():
            note = self._notes.get(identity)
            if note is None or note.counter != counter:
                note = Note(counter, now)
            notes[identity] = note
        self._notes = notes
        return [
            (identity, note.counter)
            for identity, note in notes.items()
            if now - note.since >= self.timing.burial
        ]

    def _long_unowned(self, orphans: set[str]) -> list[str]:
        now = self._looked_at
        self._orphans = {one: self._orphans.get(one, now) for one in orphans}
        return [
            identity
            for identity, since in self._orphans.items()
            if now - since >= self.timing.orphan
        ]

    async def _drain(self, identity: str) -> None:
        held = await read_grave(self.redis, identity)
        moves = [recover(one, self.now(), self.write_time) for one in held]
        # Whoever is listed in the UI slows the stagers of all others down. Before
        # the grave is closed: until then somebody comes back to do it.
        await hide(self.redis, identity)
        is_closed = await drain(
            self.redis,
            identity,
            moves,
            now=self.now(),
            dead_limit=self.dead_limit,
            dead_timeout=self.dead_timeout,
        )
        if moves and is_closed:
            logger.warning(
                "%d jobs of %s are back in their queues, %d in the dead set",
                sum(not move.to_dead for move in moves),
                identity,
                sum(move.to_dead for move in moves),
            )

    def _forget(self) -> None:
        self._notes.clear()
        self._orphans.clear()
