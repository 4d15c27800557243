"""What a `Kiq` does to a whole cluster."""

from collections.abc import Callable
from typing import Any

from kiq_trio._faults import plain
from kiq_trio._layers import Setup
from kiq_trio._opened import Opened
from kiq_trio._pipeline.recalls import is_meant
from kiq_trio._store.cancelling import Whereabouts, cancel
from kiq_trio._store.clearing import clear
from kiq_trio._store.inspecting import read_strangers
from kiq_trio._store.marking import mark_deploy
from kiq_trio._store.rota import (
    Listed,
    pause_periodic,
    read_periodics,
    resume_periodic,
)
from kiq_trio.errors import ConfigError


class Steering(Opened):
    """The part of a `Kiq` that all processes and queues are steered with."""

    _setup: Setup
    _now: Callable[[], float]

    async def list_periodics(self) -> list[Listed]:
        """Return the periodic jobs that any process has told of, by name."""
        return await read_periodics(self.redis)

    async def pause_periodic(self, name: str) -> bool:
        """Let the ticks of a periodic job pass without a job, in the whole cluster.

        Returns:
            Whether it was not paused before.

        Raises:
            ConfigError: neither we nor any other process has told of it.
        """
        await self._check_periodic(name)
        return await pause_periodic(self.redis, name)

    async def resume_periodic(self, name: str) -> bool:
        """Let a periodic job be enqueued again, from its next tick on.

        Ticks that passed while it was paused are not made up for.

        Returns:
            Whether it was paused.

        Raises:
            ConfigError: neither we nor any other process has told of it.
        """
        await self._check_periodic(name)
        return await resume_periodic(self.redis, name)

    async def _check_periodic(self, name: str) -> None:
        if any(one.name == name for one in self._setup.config.all_periodics):
            return
        known = [one.name for one in await self.list_periodics()]
        if name not in known:
            raise ConfigError(
                f"no periodic is called {name!r} (known: {', '.join(known) or 'none'})"
            )

    async def cancel(self, jid: str, *, reason: str = "") -> Whereabouts:
        """Have a job not run, or stop running, in whatever process.

        One that waits in a queue, is scheduled or is to be retried is deleted, and
        its lock released; nobody is told, as it runs nowhere. One that runs is
        cancelled, and then done with: `Aborted("cancelled")`, not retried. A plain
        function notices it by `trio.from_thread.check_cancelled()`; what swallows
        its cancellation and returns has succeeded.

        For an hour, every process remembers that the job was cancelled, so that it
        stops a copy that was on its way. A job enqueued anew under the same jid is
        another one, and runs, if it is created more than a minute later: by so much
        the clocks of the processes may differ.

        Args:
            jid: the name of the job.
            reason: why, for reporters and logs.

        Returns:
            `"waiting"`: it was, and is deleted. `"running"`: a process holds it, and
            has been told; only that process's reporters will know how it ended.
            `"unknown"`: it is nowhere; it may have ended, or be dead.

        Raises:
            ConfigError: *jid* is not a name.
        """
        _require_name(jid)
        now = self._now()
        return await cancel(
            self._running().redis,
            jid,
            reason=reason,
            now=now,
            is_meant=lambda job: is_meant(job, now),
        )

    async def mark_deploy(self, label: str) -> bool:
        """Mark this minute in the charts of Sidekiq's UI, as that of a deploy.

        Many processes may do so when they start: within a minute, the same label is
        marked once, and a minute has one mark only, the first.

        Args:
            label: what is shown: a version, a commit.

        Returns:
            Whether this minute has that mark now.

        Raises:
            ConfigError: *label* is no text that the UI can show.
        """
        _require_label(label)
        return await mark_deploy(self._running().redis, label, at=self._now())

    async def clear(self, *, confirm: bool = False) -> None:
        """Delete every job: enqueued, scheduled, to be retried, dead, or held.

        And the locks of all unique jobs.

        Args:
            confirm: do so even if other processes are registered, whose jobs
                these may be.

        Raises:
            ConfigError: others are registered and *confirm* was not given.
        """
        house = self._running()
        own = house.plant.lease.identity if house.plant else ""
        strangers = await read_strangers(house.redis, own)
        if strangers and not confirm:
            raise ConfigError(
                f"other processes are registered ({', '.join(strangers)}); "
                "clear(confirm=True) deletes their jobs too"
            )
        await clear(house.redis)


def _require_name(jid: Any) -> None:
    if not isinstance(jid, str) or not jid:
        raise ConfigError(f"jid must be the name of a job, got {jid!r}")


def _require_label(label: Any) -> None:
    if not isinstance(label, str) or not label.strip() or plain(label) != label:
        raise ConfigError(f"label must be a text without < and >, got {label!r}")
