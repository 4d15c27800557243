"""What stands in for Redis while a test runs; the door is `kiq_trio.testing`.

A test's jobs go through the real client half into a server of its own in this
process (`scope`), and are recorded on the way (`recording`). `drain` runs them through
the real server half.
"""
