"""Says what is wrong for long: once when it begins, and once when it is over."""

import logging
from collections.abc import Set as AbstractSet

import attrs

from kiq_trio._store.doubt import is_worth_retrying


@attrs.define(eq=False)
class Complaints:
    """Errors that last, each logged once however often it comes.

    An outage is none: the client logs it, and everybody waits until it is over.

    Attributes:
        logger: where they are logged.
        trouble: what is wrong, with `{}` for whom it concerns.
        relief: what is right again.
    """

    logger: logging.Logger
    trouble: str
    relief: str
    _subjects: set[str] = attrs.field(factory=set, init=False)

    def make(self, error: Exception, subject: str = "") -> None:
        """Take note of *error*, which concerns *subject*."""
        if subject in self._subjects:
            return
        if is_worth_retrying(error):
            self.logger.debug("%s: %r", self.trouble.format(subject), error)
        else:
            self.logger.error("%s: %s", self.trouble.format(subject), error)
            self._subjects.add(subject)

    def withdraw(self, subject: str = "") -> None:
        """Nothing is wrong with *subject*, or no longer."""
        if subject in self._subjects:
            self.logger.info("%s", self.relief.format(subject))
            self._subjects.discard(subject)

    def withdraw_others(self, wrong: AbstractSet[str]) -> None:
        """Nothing is wrong with anything but *wrong*."""
        for subject in self._subjects - wrong:
            self.withdraw(subject)
