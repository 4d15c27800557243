"""The time of day by Trio's clock, so that a mock clock moves it too."""

import time

import trio


class TrioClock:
    """Epoch seconds that pass as Trio's clock does.

    It starts at the time of day it was made. Outside of a Trio run it stands
    still, and in the next run (each has its own zero) it goes on from there.
    """

    def __init__(self, epoch: float | None = None) -> None:
        self._now = time.time() if epoch is None else epoch
        self._offset = 0.0
        self._run: trio.lowlevel.TrioToken | None = None

    def __call__(self) -> float:
        """Return the epoch seconds now."""
        try:
            run, elapsed = trio.lowlevel.current_trio_token(), trio.current_time()
        except RuntimeError:
            return self._now
        if run is not self._run:
            self._run, self._offset = run, self._now - elapsed
        self._now = self._offset + elapsed
        return self._now
