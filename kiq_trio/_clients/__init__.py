"""Enqueues through redis-py's own clients, for programs that do not run on Trio.

What is to be done is in `desk.py` and `delivery.py`, as steps that wait for nothing;
the clients only take these steps, each in its own way.
"""
