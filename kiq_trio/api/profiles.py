"""The profiles that Ruby's processes take of jobs."""

import attrs

from kiq_trio._store.profiling import ProfileView, read_profile_data, read_profiles
from kiq_trio._wire.client import Redis
from kiq_trio.api.pages import Each, Once


@attrs.frozen(kw_only=True)
class ProfileRecord(ProfileView):
    """A profile of one run of a job, without its data."""

    _redis: Redis = attrs.field(alias="redis", repr=False, eq=False)

    async def data(self) -> bytes | None:
        """Return what Firefox' profiler reads, JSON in gzip; None if it is gone."""
        return await read_profile_data(self._redis, self.key)


@attrs.frozen
class ProfileSet:
    """The profiles that are kept, for a day each, the oldest first (Sidekiq 8).

    They are read at once, when the iteration begins. We take none ourselves.

    Args:
        redis: where Ruby's processes put them.
    """

    redis: Redis = attrs.field(repr=False)

    def __aiter__(self) -> Each[ProfileRecord]:
        return Each(Once(self.read))

    async def read(self) -> list[ProfileRecord]:
        """Return all of them."""
        return [
            ProfileRecord(redis=self.redis, **attrs.asdict(one, recurse=False))
            for one in await read_profiles(self.redis)
        ]

    async def size(self) -> int:
        """Return how many there are."""
        return len(await read_profiles(self.redis))
