"""A nursery for services behind somebody else's block."""

from kiq_trio._background import open_service_nursery

__all__ = ["open_service_nursery"]
