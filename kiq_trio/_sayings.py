"""What a payload says beside the attributes of a job, read leniently."""

from collections.abc import Mapping, Sequence
from typing import Any

from kiq_trio._fields import MILLISECONDS_FROM, MOST_RETRIES, read_count, read_time


class Sayings:
    """The part of a `Job` that makes sense of `rest`, where anything can stand."""

    rest: Mapping[str, Any]

    @property
    def created_at(self) -> float | None:
        """When it was first enqueued, in epoch seconds."""
        return read_time(self.rest.get("created_at"))

    @property
    def enqueued_at(self) -> float | None:
        """When it was last put into its queue, in epoch seconds."""
        return read_time(self.rest.get("enqueued_at"))

    @property
    def failed_at(self) -> float | None:
        """When it first failed, in epoch seconds."""
        return read_time(self.rest.get("failed_at"))

    @property
    def retry_count(self) -> int | None:
        """How often it was retried, 0 after its first failure and None before.

        It is -1 while somebody has it run again by hand after its first failure,
        so that the next one counts as that once more (wire.md §2.6).
        """
        count = read_count(self.rest.get("retry_count"))
        return None if count is None else min(max(count, -1), MOST_RETRIES)

    @property
    def expires_at(self) -> float | None:
        """When it is too late to start it, in epoch seconds.

        As we stamp it; else as Sidekiq Pro is said to, which is not published; else
        counted from when it was enqueued, for only whoever scheduled it knew when it
        was to start: rather too late than too early (wire.md §7.4).
        """
        rest = self.rest
        stamped = read_time(rest.get("expires_at"))
        if stamped is None:
            stamped = read_time(rest.get("expiry"))
        if stamped is not None:
            return stamped
        span, start = rest.get("expires_in"), self.created_at
        if start is None or (type(span) is not int and type(span) is not float):
            return None
        start = max(start, self.enqueued_at or start)
        return start + span if 0 < span < MILLISECONDS_FROM else None

    @property
    def unique_token(self) -> str | None:
        """The name of the lock that makes it unique."""
        token = self.rest.get("unique_token")
        return token if type(token) is str and token else None

    @property
    def unlocks_at(self) -> float | None:
        """When its lock ends by itself, in epoch seconds."""
        return read_time(self.rest.get("unlocks_at"))

    @property
    def deadline(self) -> float | None:
        """When its run must have ended, in epoch seconds."""
        deadline = self.rest.get("kiq_deadline")
        return None if deadline is None else read_time(deadline)

    @property
    def tick(self) -> float | None:
        """The time it stands for if it is periodic, in epoch seconds.

        It may start later: when a worker is free, or when a tick is caught up with.
        """
        return read_time(self.rest.get("kiq_tick"))

    @property
    def pid(self) -> Any:
        """The process that ran it, if it came from Kiq, which stores that."""
        return self.rest.get("pid")

    @property
    def tags(self) -> Sequence[str]:
        """Labels for people, shown by Sidekiq's UI."""
        tags = self.rest.get("tags")
        return tags if isinstance(tags, list | tuple) else ()
