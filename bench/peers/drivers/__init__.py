"""One file a peer: `fill` enqueues no-op jobs, `drain` runs them.

A driver runs in the environment of its peer, so nothing here may import more than
the standard library and that peer. `gauge` is what they all measure with.
"""
