"""`python -m bench.peers.drivers DRIVER fill|drain URL WARMUP COUNT CONCURRENCY`."""

import importlib
import sys

from bench.peers.drivers.gauge import Gauge, Load


def main() -> None:
    """Do one half of one driver's work."""
    name, half, url, *numbers = sys.argv[1:]
    load = Load(url, *map(int, numbers))
    # By name, for each environment has one peer only; and not as __main__, for
    # several peers find a job's function by the name of its module.
    driver = importlib.import_module(f"bench.peers.drivers.{name}")
    if half == "fill":
        driver.fill(load)
    else:
        driver.drain(Gauge(load))


main()
