"""A small application with jobs; `test_jobs.py` shows how it is tested.

REDIS_URL=embedded:// kiq-trio run jobs:kiq
"""

from datetime import timedelta

import trio

from kiq_trio import Kiq, worker

outbox: list[tuple[str, str]] = []


class MailServer:
    """Stands for one that is not always there."""

    async def deliver(self, address: str, text: str) -> None:
        """Take as long as a mail server takes."""
        await trio.sleep(0.1)
        outbox.append((address, text))


server = MailServer()


@worker(queue="mail", retry=5, timeout=30)
async def send(address: str, text: str) -> int:
    """Send one mail; return how long it was."""
    await server.deliver(address, text)
    return len(text)


@worker()
async def greet(address: str) -> None:
    """Do all that is to be done for a new user."""
    await kiq.enqueue(send.new(address, "welcome"))
    await kiq.enqueue(send.new(address, "how is it?"), in_=timedelta(days=3))


async def sign_up(address: str) -> None:
    """Take a new user."""
    if "@" not in address:
        raise ValueError(f"{address!r} is no address")
    await kiq.enqueue(greet.new(address))


kiq = Kiq(queues={"default": 10, "mail": 5}, workers=[send, greet])
