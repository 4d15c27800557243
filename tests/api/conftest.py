"""A client on a server of either kind, and a whole `Kiq` in this process."""

from tests.journey.conftest import make_kiq, memory, recorder
from tests.store.conftest import redis

__all__ = ["make_kiq", "memory", "recorder", "redis"]
