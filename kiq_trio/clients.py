"""Clients for programs that do not run on Trio: they enqueue, and run nothing.

They go through redis-py's own clients, and store jobs just as a `Kiq` does, so that a
`Kiq` in another process, or Sidekiq, can run them.
"""

from kiq_trio._clients.asyncio_client import AsyncioClient
from kiq_trio._clients.sync_client import SyncClient

__all__ = ["AsyncioClient", "SyncClient"]
