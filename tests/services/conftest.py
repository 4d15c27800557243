"""A client on an unkind server, with the store's scripts."""

from tests.pipeline.conftest import redis, unkind

__all__ = ["redis", "unkind"]
