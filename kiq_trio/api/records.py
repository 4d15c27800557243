"""A job as it lay somewhere when we looked."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs

from kiq_trio import encoder
from kiq_trio._fields import read_time
from kiq_trio._unwrapping import display_args, display_class, read_backtrace
from kiq_trio.errors import DecodeError
from kiq_trio.job import Job


@attrs.frozen(kw_only=True)
class JobRecord:
    """A job as it was when we looked, be it ours or Ruby's.

    What is in Redis may be no job at all: then its texts are empty, and the rest is
    None. Times are epoch seconds, whatever Sidekiq wrote them.

    Attributes:
        value: its payload, byte by byte.
        job: what that says; None if it is no job.
        queue: the name of the queue that it is in or for.
        seen_at: when we looked, by the clock of Redis.
    """

    value: bytes
    job: Job | None
    queue: str
    seen_at: float = attrs.field(eq=False)

    @cached_property
    def item(self) -> Mapping[str, Any]:
        """All fields of the payload, under their names in Redis."""
        try:
            fields = encoder.decode(self.value)
        except DecodeError:
            return {}
        return fields if isinstance(fields, dict) else {}

    @property
    def jid(self) -> str:
        """Its name in the cluster."""
        return "" if self.job is None else self.job.jid

    @property
    def klass(self) -> str:
        """The class that runs it, be it a wrapper's."""
        return "" if self.job is None else self.job.job_class

    @property
    def display_class(self) -> str:
        """The class that people know it by: Active Job's is unwrapped."""
        return "" if self.job is None else display_class(self.job)

    @property
    def args(self) -> Sequence[Any]:
        """The arguments as they are stored."""
        return () if self.job is None else self.job.args

    @property
    def display_args(self) -> list[Any]:
        """The arguments as people gave them: Active Job's are unwrapped.

        The last one is not shown if it is encrypted.
        """
        return [] if self.job is None else display_args(self.job)

    @property
    def tags(self) -> Sequence[str]:
        """Labels for people."""
        return () if self.job is None else self.job.tags

    @property
    def bid(self) -> str | None:
        """The batch that it is part of."""
        return self._text("bid")

    @property
    def created_at(self) -> float | None:
        """When it was first enqueued or scheduled."""
        return self._time("created_at")

    @property
    def enqueued_at(self) -> float | None:
        """When it was last put into a queue."""
        return self._time("enqueued_at")

    @property
    def failed_at(self) -> float | None:
        """When it first failed."""
        return self._time("failed_at")

    @property
    def retried_at(self) -> float | None:
        """When it last failed, if it has more than once."""
        return self._time("retried_at")

    @property
    def retry_count(self) -> int | None:
        """How often it was retried; None if it never failed."""
        return None if self.job is None else self.job.retry_count

    @property
    def error_class(self) -> str | None:
        """What it last failed with."""
        return self._text("error_class")

    @property
    def error_message(self) -> str | None:
        """What that said."""
        return self._text("error_message")

    @property
    def error_backtrace(self) -> list[str] | None:
        """Where that was raised, innermost first; None if it was not stored."""
        if self.job is None:
            return None
        return read_backtrace(self.job.rest.get("error_backtrace"))

    @property
    def latency(self) -> float:
        """For how many seconds it had waited when we looked."""
        since = self.enqueued_at or self.created_at
        return 0.0 if since is None else max(self.seen_at - since, 0.0)

    def _time(self, name: str) -> float | None:
        return None if self.job is None else read_time(self.job.rest.get(name))

    def _text(self, name: str) -> str | None:
        value = None if self.job is None else self.job.rest.get(name)
        return value if isinstance(value, str) else None
