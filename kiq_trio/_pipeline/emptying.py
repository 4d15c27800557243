"""The buffer's end: what is left is sent, or named."""

import logging
from collections.abc import Sequence

from redis.exceptions import ResponseError

from kiq_trio._pipeline.buffer import Buffer
from kiq_trio._pipeline.entry import Entry

logger = logging.getLogger("kiq_trio")

# Of a thousand jobs a log needs no more names than these, and their number.
_MOST_NAMES = 20


async def empty(buffer: Buffer) -> None:
    """Send what is left, say what could not be sent, and close the buffer."""
    try:
        await buffer.flush()
    except ResponseError:
        logger.error("Redis refuses what is left in memory")
    finally:
        _name("not confirmed by Redis, which may have them", buffer.unconfirmed())
        _name("never sent to Redis", buffer.unsent())
        buffer.close()


def _name(fate: str, jobs: Sequence[Entry]) -> None:
    if jobs:
        names = [job.jid for job in jobs[:_MOST_NAMES]]
        if len(jobs) > _MOST_NAMES:
            names.append("...")
        logger.error("jobs that were %s: %d (%s)", fate, len(jobs), ", ".join(names))
