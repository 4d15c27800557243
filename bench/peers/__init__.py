"""kiq_trio beside other systems: the same jobs, the same machine, the same Redis.

`python -m bench.peers` runs it. `catalogue` says who is measured and how each is
configured, `drivers` has a file for each, `environments` makes a virtual environment
for each, `runner` measures them one after the other, `table` prints what was found.
"""
