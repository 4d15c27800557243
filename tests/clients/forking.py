"""A program that warms its client up, and then forks, as gunicorn does.

    python forking.py URL

Its jobs: `parent` twice, and from each of two children `child` fifty times.
"""

import os
import sys

from kiq_trio.clients import SyncClient


def enqueue(client: SyncClient, name: str, count: int) -> None:
    for _ in range(count):
        client.enqueue({"class": "Job", "args": [name]})


client = SyncClient(sys.argv[1])
enqueue(client, "parent", 1)
children = []
for _ in range(2):
    pid = os.fork()
    if not pid:
        enqueue(client, "child", 50)
        os._exit(0)
    children.append(pid)
enqueue(client, "parent", 1)
statuses = [os.waitpid(pid, 0)[1] for pid in children]
client.close()
sys.exit(any(statuses))
