"""What a `Kiq` knows of the locks of unique jobs."""

from collections.abc import Mapping
from typing import Any

from kiq_trio._opened import Opened
from kiq_trio._pipeline.claiming import token_of
from kiq_trio._pipeline.intake import read_job
from kiq_trio._store.locking import read_owner, release
from kiq_trio.job import Job


class Locking(Opened):
    """The part of a `Kiq` that looks at locks, and frees them."""

    async def find_lock_owner(self, job: Job | Mapping[str, Any]) -> str | None:
        """Return the jid of the job that keeps *job* out; None if nobody does.

        Args:
            job: as for `enqueue`. That one is unique: what its worker says of its
                uniqueness, or else its class, queue and arguments, name the lock.

        Raises:
            ConfigError: it is no job.
            EncodeError: an argument is not JSON.
        """
        return await read_owner(self._running().redis, token_of(read_job(job)))

    async def unlock(self, job: Job | Mapping[str, Any]) -> str | None:
        """Free the lock that keeps *job* out, and return the jid of who had it.

        That one runs all the same. None if nobody had it, or if it changed hands at
        this very moment: then it stays as it is.

        Raises:
            ConfigError: it is no job.
            EncodeError: an argument is not JSON.
        """
        redis, token = self._running().redis, token_of(read_job(job))
        owner = await read_owner(redis, token)
        if owner is None or not await release(redis, token, owner):
            return None
        return owner
