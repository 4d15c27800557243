"""What kiq_trio costs, measured against the least that a loop can cost.

`python -m bench` runs it. CPU time per job is the figure to trust: wall rates move
by half on a busy machine, so rounds of all cases are interleaved and the median of
each case is shown.
"""
