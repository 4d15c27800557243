"""Whether a line lives: a reply that only trickles is as good as none."""

from collections.abc import Sequence

from kiq_trio._wire.slot import Slot

# Bytes that one step of a long write takes, or of a long reply. A line that takes
# one step per `command_timeout` is slow, but not dead.
STEP = 1 << 16


class Signs:
    """What a line has shown of its life since it was last looked at.

    Attributes:
        heard: the bytes that have come since the last sign.
        has_moved: whether a step of a long write was taken.
    """

    __slots__ = ("_front", "_known", "_told", "has_moved", "heard")

    def __init__(self) -> None:
        self.heard = 0
        self.has_moved = False
        self._known = 0
        self._front: Slot | None = None
        self._told = 0

    def look(self, slots: Sequence[Slot]) -> bool:
        """Return whether there was a sign: a whole reply, or a step either way."""
        front = slots[0] if slots else None
        told = len(front.replies) if front is not None else 0
        is_new = front is None or front is not self._front or told > self._told
        is_alive = (
            self.has_moved
            or self.heard >= STEP
            or (self.heard > self._known and is_new)
        )
        self._front, self._told, self.has_moved = front, told, False
        self._known = self.heard = 0 if is_alive else self.heard
        return is_alive
