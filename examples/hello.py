"""The smallest program: two jobs, no server."""

import trio

from kiq_trio import Kiq, worker


@worker(queue="default", retry=10, timeout=30)
async def welcome(user_id: int, locale: str = "en") -> None:
    """Greet somebody."""
    print(f"welcome, user {user_id} ({locale})")


async def main() -> None:
    """Enqueue two jobs and wait until they are done."""
    async with Kiq(redis_url="memory://", workers=[welcome]) as kiq:
        await kiq.enqueue(welcome.new(42))
        await kiq.enqueue(welcome.new(43, locale="fr"))
        await kiq.wait_idle()


trio.run(main)
