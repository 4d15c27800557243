"""What a job passes through, from `enqueue` until Redis knows how it ended.

In the order of a job's walk: buffer, producer, slots, consumer, runner,
settlement, settler, broadcast.
"""
