"""Where it is measured, and how long that may take."""

from pathlib import Path
from typing import TypeVar

import attrs

from bench.server import Ends

T = TypeVar("T")


@attrs.frozen
class Site:
    """What every measurement is given.

    Attributes:
        ends: the URLs of a Redis that it may empty.
        folder: for files.
        is_quick: whether it is only to be seen that everything runs.
    """

    ends: Ends
    folder: Path
    is_quick: bool

    @property
    def url(self) -> str:
        """The URL by the Unix socket."""
        return self.ends.unix

    @property
    def rounds(self) -> int:
        """How often each case is measured."""
        return self.either(3, 9)

    @property
    def jobs(self) -> int:
        """How many jobs a round of a usual case has."""
        return self.either(1_000, 20_000)

    def either(self, quick: T, full: T) -> T:
        """Return *quick* if that is wanted, else *full*."""
        return quick if self.is_quick else full
