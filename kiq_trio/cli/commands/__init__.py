"""The commands of `kiq-trio`, one module each: options, texts, exit codes.

What they do is done elsewhere: in `kiq_trio.cli` and in the store.
"""
