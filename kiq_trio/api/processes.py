"""Processes, and asking them to leave."""

import attrs

from kiq_trio._store.leading import read_leader, read_shown_leader
from kiq_trio._store.pruning import prune
from kiq_trio._store.signalling import Signal, send_signal
from kiq_trio._store.watching import ProcessView, read_processes
from kiq_trio._wire.client import Redis
from kiq_trio.api.pages import Each, Once
from kiq_trio.errors import ConfigError


@attrs.frozen(kw_only=True)
class Process(ProcessView):
    """A process as it showed itself last, ours or Ruby's.

    It hears of what it is asked with its next heartbeat, within 10 s, and only of one
    thing at a time (wire.md §4.5).

    Attributes:
        is_leader: it leads those of ours, or Sidekiq's UI shows that it leads those of
            Enterprise, as Redis says; a hint.
    """

    is_leader: bool
    _redis: Redis = attrs.field(alias="redis", repr=False, eq=False)

    async def quiet(self) -> None:
        """Ask it to take no more jobs.

        Raises:
            ConfigError: it is part of a program, or silent, and would not obey.
        """
        await self._send("TSTP")

    async def stop(self) -> None:
        """Ask it to end gracefully.

        Raises:
            ConfigError: it is part of a program, or silent, and would not obey.
        """
        await self._send("TERM")

    async def dump_threads(self) -> None:
        """Ask it to log what each of its threads, or tasks, is doing.

        Raises:
            ConfigError: it is silent, and would not hear of it.
        """
        await self._send("TTIN")

    async def _send(self, signal: Signal) -> None:
        if not self.obeys(signal):
            why = "is part of a program" if self.is_shown else "is silent"
            raise ConfigError(f"{self.identity} {why}, and obeys no {signal}")
        await send_signal(self._redis, self.identity, signal)


@attrs.frozen
class ProcessSet:
    """All processes that are shown, or that may hold jobs of ours, by name.

    They are read at once, when the iteration begins.

    Args:
        redis: where they show themselves.
    """

    redis: Redis = attrs.field(repr=False)

    def __aiter__(self) -> Each[Process]:
        return Each(Once(self.read))

    async def read(self) -> list[Process]:
        """Return all of them."""
        leaders = await self._leaders()
        return [
            Process(
                redis=self.redis,
                is_leader=view.identity in leaders,
                **attrs.asdict(view, recurse=False),
            )
            for view in await read_processes(self.redis)
        ]

    async def get(self, identity: str) -> Process | None:
        """Return one; None if it is not there."""
        found = [one for one in await self.read() if one.identity == identity]
        return found[0] if found else None

    async def size(self) -> int:
        """Return how many there are."""
        return len(await read_processes(self.redis))

    async def total_concurrency(self) -> int:
        """Return how many jobs they can run at once."""
        return sum(one.concurrency for one in await read_processes(self.redis))

    async def total_rss_in_kb(self) -> int:
        """Return their memory, in KiB."""
        return sum(one.rss for one in await read_processes(self.redis))

    async def cleanup(self) -> int:
        """Take off Sidekiq's list whoever has vanished; return how many were.

        Any process that moves scheduled jobs does it, Ruby's and ours, but once a
        minute in all: otherwise nobody is looked for, and the answer is 0.

        Raises:
            redis.exceptions.RedisError: no answer; there will be another minute.
        """
        return await prune(self.redis)

    async def leader(self) -> str | None:
        """Return the identity of the process that leads; None if none does.

        That is the one that Sidekiq's UI shows, as Enterprise has a leader. Without,
        it is the one that leads ours.
        """
        leaders = await self._leaders()
        return next((one for one in leaders if one), None)

    async def _leaders(self) -> tuple[str | None, str | None]:
        return await read_shown_leader(self.redis), await read_leader(self.redis)
