"""`python -m bench.peers.drivers DRIVER PART URL WARMUP COUNT CONCURRENCY ...`.

PART is `singly` or `bulk`, to enqueue; `drain`, to run what was enqueued; or
`hold FILE SECONDS`, to run jobs that sleep, until killed.
"""

import importlib
import sys

from bench.peers.drivers.gauge import Gauge, Held, Load


def main() -> None:
    """Do one part of one driver's work."""
    name, part, url, *numbers = sys.argv[1:7]
    load = Load(url, *map(int, numbers))
    # By name, for each environment has one peer only; and not as __main__, for
    # several peers find a job's function by the name of its module.
    driver = importlib.import_module(f"bench.peers.drivers.{name}")
    if part == "singly":
        driver.fill(Gauge(load))
    elif part == "bulk":
        driver.fill_in_bulk(Gauge(load))
    elif part == "drain":
        driver.work(Gauge(load))
    else:
        path, seconds = sys.argv[7:]
        driver.work(Held(load, path, float(seconds)))


main()
