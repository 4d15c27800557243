"""Hands measurements of jobs to functions of yours."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

from kiq_trio.errors import ConfigError
from kiq_trio.events import (
    KINDS,
    Aborted,
    Ended,
    Event,
    Failed,
    Interrupted,
    Snoozed,
    Started,
    Succeeded,
)
from kiq_trio.reporter import Reporter

logger = logging.getLogger("kiq_trio.instrumenter")

EventName: TypeAlias = tuple[
    Literal["kiq"],
    Literal["job"],
    Literal["started", "success", "aborted", "failure", "snoozed", "interrupted", "*"],
]
Handler: TypeAlias = Callable[[EventName, Mapping[str, float], Mapping[str, Any]], None]

STARTED: EventName = ("kiq", "job", "started")
SUCCESS: EventName = ("kiq", "job", "success")
ABORTED: EventName = ("kiq", "job", "aborted")
FAILURE: EventName = ("kiq", "job", "failure")
SNOOZED: EventName = ("kiq", "job", "snoozed")
INTERRUPTED: EventName = ("kiq", "job", "interrupted")

ANY: EventName = ("kiq", "job", "*")
"""Stands for all of them."""

_NAMES = (STARTED, SUCCESS, ABORTED, FAILURE, SNOOZED, INTERRUPTED, ANY)

H = TypeVar("H", bound=Handler)


class Instrumenter(Reporter):
    """Calls the attached handlers with each event's numbers and circumstances.

    A handler is called as `handler(name, measurements, metadata)`. One that raises
    is logged and detached: a guest cannot break the house. It may be attached and
    detached at any time, and several may be attached to one name; those attached to
    `("kiq", "job", "*")` are called for every event.
    """

    def __init__(self) -> None:
        self._handlers: dict[EventName, list[Handler]] = {}

    def attach(self, name: EventName, handler: Handler) -> None:
        """Call *handler* for each event called *name* from now on.

        Raises:
            ConfigError: no event is called so.
        """
        if name not in _NAMES:
            known = ", ".join(known[-1] for known in _NAMES)
            raise ConfigError(
                f"an event is called ('kiq', 'job', ...) with one of {known}, "
                f"got {name!r}"
            )
        self._handlers.setdefault(name, []).append(handler)
        if self.ask_anew is not None:
            # Or the events of the next batch would not even be made.
            self.ask_anew()

    def on(self, *names: EventName) -> Callable[[H], H]:
        """Attach the function below: `@kiq.instrumenter.on(("kiq", "job", "success"))`.

        Raises:
            ConfigError: no event is called so.
        """

        def attach(handler: H) -> H:
            for name in names:
                self.attach(name, handler)
            return handler

        return attach

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
            metadata = {
                "class": event.job.job_class,
                "queue": event.job.queue,
                "jid": event.job.jid,
                **more,
            }
            for attached in (name, ANY):
                for handler in tuple(self._handlers.get(attached, ())):
                    try:
                        handler(name, measurements, metadata)
                    except Exception as error:  # noqa: BLE001 - it is logged there.
                        self._drop(attached, handler, error)

    def _drop(self, name: EventName, handler: Handler, error: Exception) -> None:
        logger.error("%r raised; it is detached from %s", handler, name, exc_info=error)
        if handler in self._handlers[name]:
            self.detach(name, handler)


def _measure(
    event: Event,
) -> tuple[EventName, dict[str, float], dict[str, Any]]:
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
    assert type(outcome) is Interrupted
    return INTERRUPTED, {"value": 1, "timing": outcome.took}, {}
