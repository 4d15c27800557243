"""A whole `Kiq` in the process, as the journeys have it."""

from tests.journey.conftest import make_kiq, memory, recorder

__all__ = ["make_kiq", "memory", "recorder"]
