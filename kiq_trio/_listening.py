"""Who listens to what happens in a `Kiq`."""

from kiq_trio._configured import Configured
from kiq_trio._reporters.instrumenter import Instrumenter
from kiq_trio._reporters.logger import Logger
from kiq_trio.config import Config
from kiq_trio.reporter import Reporter
from kiq_trio.stats import Stats


class Listening(Configured):
    """The part of a `Kiq` that has reporters."""

    stats: Stats
    instrumenter: Instrumenter

    def count_lost_events(self, reporter: Reporter | None = None) -> int:
        """Return how many events *reporter* has missed, or all of them together.

        Since the block was entered; none where no jobs run. A reporter misses what
        happens while it lags far behind, and what it was being told when it raised.
        """
        broadcast = self._running().broadcast
        return 0 if broadcast is None else broadcast.count_lost(reporter)

    def _reporters(self, config: Config) -> list[Reporter]:
        return [
            Logger(config.log_format),
            self.instrumenter,
            *config.extra_reporters,
        ]
