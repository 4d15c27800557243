"""Under which conditions it was measured: a number without them says nothing."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import trio

from kiq_trio import __version__
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.servers import server_from_url


async def describe(url: str) -> dict[str, str]:
    """Return what a reader has to know of the machine and its programs."""
    async with open_redis(server_from_url(url)) as redis:
        info = await redis.info("server")
    load, *_ = os.getloadavg()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "kiq_trio": __version__,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Trio": trio.__version__,
        "Redis": f"{info['redis_version']}, without persistence, on this machine",
        "CPU": f"{os.cpu_count()} x {_processor()}",
        "kernel": f"{platform.system()} {platform.release()}",
        "load average at the start": f"{load:.1f}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()
