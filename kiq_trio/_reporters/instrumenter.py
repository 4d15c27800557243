"""Hands measurements of jobs to functions of yours."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from kiq_trio.events import (
    KINDS,
    Aborted,
    Ended,
    Event,
    Failed,
    Snoozed,
    Started,
    Succeeded,
)
from kiq_trio.reporter import Reporter

logger = logging.getLogger("kiq_trio.instrumenter")

EventName: TypeAlias = tuple[
    Literal["kiq"],
    Literal["job"],
    Literal["started", "success", "aborted", "failure", "snoozed"],
]
Handler: TypeAlias = Callable[[EventName, Mapping[str, float], Mapping[str, Any]], None]

STARTED: EventName = ("kiq", "job", "started")
SUCCESS: EventName = ("kiq", "job", "success")
ABORTED: EventName = ("kiq", "job", "aborted")
FAILURE: EventName = ("kiq", "job", "failure")
SNOOZED: EventName = ("kiq", "job", "snoozed")


class Instrumenter(Reporter):
    """Calls the attached handlers with each event's numbers and circumstances.

    A handler is called as `handler(name, measurements, metadata)`. One that raises
    is logged and detached: a guest cannot break the house.
    """

    def __init__(self) -> None:
        self._handlers: dict[EventName, list[Handler]] = {}

    def attach(self, name: EventName, handler: Handler) -> None:
        """Call *handler* for each event called *name* from now on."""
        self._handlers.setdefault(name, []).append(handler)

    def detach(self, name: EventName, handler: Handler) -> None:
        """Call it no more.

        Raises:
            ValueError: it was not attached to *name*.
        """
        self._handlers.get(name, []).remove(handler)

    def interests(self) -> frozenset[type]:
        """Listen only while anybody does."""
        return KINDS if any(self._handlers.values()) else frozenset()

    async def handle_events(self, events: Sequence[Event]) -> None:
        """Call the handlers of each event."""
        for event in events:
            name, measurements, more = _measure(event)
            if name is None:
                continue
            metadata = {
                "class": event.job.job_class,
                "queue": event.job.queue,
                "jid": event.job.jid,
                **more,
            }
            for handler in tuple(self._handlers.get(name, ())):
                try:
                    handler(name, measurements, metadata)
                except Exception:
                    logger.exception("%r raised; it is detached from %s", handler, name)
                    if handler in self._handlers[name]:
                        self.detach(name, handler)


def _measure(
    event: Event,
) -> tuple[EventName | None, dict[str, float], dict[str, Any]]:
    if type(event) is Started:
        return STARTED, {"value": 1}, {}
    assert type(event) is Ended
    outcome = event.outcome
    if type(outcome) is Succeeded:
        return SUCCESS, {"timing": outcome.took}, {}
    if type(outcome) is Failed:
        return FAILURE, {"value": 1}, {"error": outcome.error}
    if type(outcome) is Aborted:
        return (
            ABORTED,
            {"value": 1},
            {"reason": outcome.reason, "detail": outcome.detail},
        )
    if type(outcome) is Snoozed:
        return SNOOZED, {"value": 1, "seconds": outcome.seconds}, {}
    return None, {}, {}
