"""streaQ, on asyncio with uvloop: what its own benchmark runs."""

import functools

from bench.peers.drivers import streaq

fill = functools.partial(streaq.fill, backend="asyncio", use_uvloop=True)
fill_in_bulk = functools.partial(
    streaq.fill_in_bulk, backend="asyncio", use_uvloop=True
)
work = functools.partial(streaq.work, backend="asyncio", use_uvloop=True)
