"""Every period of the machinery, in one place and checked against each other."""

import math
from typing import Self

import attrs

from kiq_trio.errors import ConfigError

_MONTH = 30 * 86_400.0
GAP = 4
"""Whoever has not looked for so many times `observe` has not watched anybody."""


@attrs.frozen(kw_only=True)
class Timing:
    """How often things are looked at and how long they may take, in seconds.

    The defaults suit production. Tests and demonstrations run a `scaled` one.

    Attributes:
        beat: how often a process moves its counter.
        observe: how often it looks at the counters of the others.
        burial: how long a counter must stand still until its process is buried.
        fence: how long a process trusts itself without a successful beat.
        orphan: how long an unregistered backup must be seen before it is buried.
        sweep: how often all keys are gone through for backups nobody knows of.
        blocked_after: how long the event loop may be blocked until a warning.
        blocked_limit: how long until a blocked process lets itself be buried.
        lead: how long a lead lasts that is not renewed.
        renewal: how often the leader renews it, and the others ask for it.
        heartbeat: how often Sidekiq's Web UI is told how we are.
        poll: how often a whole cluster looks for due jobs, on average.
        wait: how long one wait for a job on an empty queue lasts.
        command: how long Redis may take to answer before it is taken for hung.
        retry: what the delays between retries are multiplied with; no period.
    """

    beat: float = 5.0
    observe: float = 2.5
    burial: float = 25.0
    fence: float = 20.0
    orphan: float = 25.0
    sweep: float = 600.0
    blocked_after: float = 2.0
    blocked_limit: float = 900.0
    lead: float = 30.0
    renewal: float = 10.0
    heartbeat: float = 10.0
    poll: float = 5.0
    wait: float = 2.0
    command: float = 5.0
    retry: float = 1.0

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(Timing):
            value = getattr(self, field.name)
            if not (isinstance(value, int | float) and 0 < value < math.inf):
                raise ConfigError(
                    f"timing.{field.name} must be more than 0 s, got {value!r}"
                )
        self._require("2 beat", 2 * self.beat, "fence", self.fence)
        # In between lies the time in which a fenced process stops its exclusive
        # jobs before anybody else may start them.
        self._require("fence", self.fence, "burial", self.burial)
        # Shorter gaps between two looks are taken for none: one that is as long as a
        # burial, when all stood still, would bury all that have not beaten since.
        self._require("4 observe", GAP * self.observe, "burial", self.burial)
        self._require("2 renewal", 2 * self.renewal, "lead", self.lead)

    def _require(self, name: str, small: float, other: str, large: float) -> None:
        if not small < large:
            raise ConfigError(
                f"timing.{name} must be less than timing.{other}, "
                f"got {small:g} and {large:g}"
            )

    @classmethod
    def in_process(cls) -> Self:
        """Return periods for a server in this process, where nobody dies alone.

        Nothing need be looked at often, and what ticks while idle would make a
        virtual year slow.
        """
        return cls(
            beat=_MONTH,
            observe=_MONTH,
            burial=8 * _MONTH,
            fence=4 * _MONTH,
            orphan=8 * _MONTH,
            sweep=8 * _MONTH,
            lead=8 * _MONTH,
            renewal=_MONTH,
            heartbeat=_MONTH,
            poll=_MONTH,
            wait=_MONTH,
        )

    def scaled(self, factor: float) -> Self:
        """Return these periods, each multiplied by *factor*."""
        return type(self)(**{k: v * factor for k, v in attrs.asdict(self).items()})
