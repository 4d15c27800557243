"""One file a peer: `fill` enqueues jobs, `fill_in_bulk` too, `work` runs them.

A driver runs in the environment of its peer, so nothing here may import more than
the standard library and that peer. `gauge` is what they all measure with. What is
written in Ruby does the same in two files of its own.
"""
