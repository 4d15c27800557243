"""Seeks the lead of the cluster, keeps it, and gives it up on a stop.

One process leads: for work that should be done once, and for nothing that must be
(Kiq calls it the Senator). The lead is a key that expires, so two processes may for
a moment believe that they lead: when the clock of Redis jumps, or a fail-over takes
it back. Whoever writes something for the leader compares its term.

    lead lasts 30 s ── renewed every 10 s ── given up 27 s after a renewal was sent

We count from before the renewal was sent, on Trio's clock, which never jumps. Redis
counts from when it came: so we stop before it lets anybody else begin.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import trio
from redis.exceptions import RedisError
from trio_util import wait_any

from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._pipeline.lease import Lease
from kiq_trio._services.leadership import Leadership
from kiq_trio._store.keys import LEADER
from kiq_trio._store.leading import Lead, hide_leader, lead, resign, show_leader
from kiq_trio._wire.client import Redis
from kiq_trio._wire.seam import Server
from kiq_trio.errors import NotRunningError
from kiq_trio.timing import Timing

logger = logging.getLogger("kiq_trio.leader")

_TRUSTED = 0.9
"""The part of its time for which we trust a lead: Redis' clock may run faster."""
_LAST_WORD = 0.5
_HASTE = 4
"""A renewal that failed is repeated so much sooner."""

Callback = Callable[[], Any]


@attrs.define(eq=False)
class Candidate:
    """Campaigns for as long as it runs.

    Attributes:
        redis: where the lead is.
        server: says when the lead is written to, if it can.
        lease: under which name we campaign.
        leadership: what we keep up to date.
        timing: how long a lead lasts, and how often we ask for it.
        on_lead: called in their order when we have taken the lead; what still
            runs when it is lost is cancelled.
        on_lead_lost: called when it is lost, as often as the others.
        dear_leader: whether Sidekiq's UI shows that we lead.
    """

    redis: Redis
    server: Server
    lease: Lease
    leadership: Leadership
    timing: Timing
    on_lead: Sequence[Callback] = ()
    on_lead_lost: Sequence[Callback] = ()
    dear_leader: bool = False
    _known: int = attrs.field(default=0, init=False)
    _elected_as: str = attrs.field(default="", init=False)
    _leaving: trio.Event = attrs.field(factory=trio.Event, init=False)
    _ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    _complaints: Complaints = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._complaints = Complaints(
            logger, "nobody can take the lead", "the lead can be taken again"
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Campaign until `resign`."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._campaign_forever)
                nursery.start_soon(self._tell_forever)
                task_status.started()
        finally:
            self.leadership.close()
            self._ended.set()

    async def resign(self) -> None:
        """Lead no longer, say so, and let another process lead at once."""
        # An election that is under way would make us the leader after all.
        self._leaving.set()
        # A callback that takes all the time there is must leave some for what Redis
        # has to be told, by us and by those who go after us.
        with trio.move_on_at(trio.current_effective_deadline() - _LAST_WORD):
            await self._ended.wait()
        if self._elected_as:
            # Longer is not worth it: the lead expires.
            with trio.move_on_after(self.timing.renewal):
                await resign(self.redis, self._elected_as, self._known)
                if self.dear_leader:
                    await hide_leader(self.redis, self._elected_as)

    async def _campaign_forever(self) -> None:
        while not self._leaving.is_set():
            # Asked for before we look, so that no write falls in between.
            news = self.server.watch((LEADER,))
            pause = await self._campaign()
            # What is written while we lead is our own renewal.
            is_led = self.leadership.term is not None
            await self._rest(pause, trio.Event() if is_led else news)
        self.leadership.close()

    async def _rest(self, pause: float, news: trio.Event) -> None:
        with trio.move_on_after(pause):
            await wait_any(news.wait, self._leaving.wait)

    async def _campaign(self) -> float:
        """Ask for the lead once; return seconds until it is worth asking again."""
        renewal, ttl = self.timing.renewal, self.timing.lead
        identity = self.lease.identity
        sent_at = trio.current_time()
        try:
            with trio.fail_after(renewal):
                answer = await lead(self.redis, identity, ttl=ttl, known=self._known)
        except (RedisError, trio.TooSlowError) as error:
            if isinstance(error, RedisError):
                self._complaints.make(error)
            return renewal / _HASTE
        self._complaints.withdraw()
        self._hear(answer, identity, sent_at + _TRUSTED * ttl)
        if self.dear_leader and self._elected_as:
            await self._show(ttl)
        return max(0.0, sent_at + renewal - trio.current_time())

    async def _show(self, ttl: float) -> None:
        try:
            with trio.move_on_after(self.timing.renewal):
                await show_leader(self.redis, self._elected_as, ttl=ttl)
        except RedisError as error:
            logger.debug("Sidekiq's UI does not show that we lead: %r", error)

    def _hear(self, answer: Lead, identity: str, until: float) -> None:
        self._known = max(self._known, answer.term)
        if answer.holder != identity:
            self._elected_as = ""
            self.leadership.lose()
        else:
            self._elected_as = identity
            self.leadership.hold(answer.term, until)

    async def _tell_forever(self) -> None:
        """Tell of every lead, and then of its loss."""
        leadership = self.leadership
        while True:
            try:
                term = await leadership.wait_held()
            except NotRunningError:
                return
            logger.info("we lead, in term %d", term)
            with leadership.scope():
                await _call("on_lead", self.on_lead)
            await leadership.wait_lost(term)
            logger.info("we lead no longer: term %d is over", term)
            await _call("on_lead_lost", self.on_lead_lost)


async def _call(name: str, callbacks: Sequence[Callback]) -> None:
    for callback in callbacks:
        try:
            result = callback()
            if hasattr(result, "__await__"):
                await result
        except Exception:
            logger.exception("%s: %r raised", name, callback)
