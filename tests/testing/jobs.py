"""A small application to be tested: three workers, and one `Kiq` for all tests."""

from typing import Any

from kiq_trio import Kiq, worker


@worker(queue="mail", retry=5)
async def welcome(user_id: int, locale: str = "en") -> None: ...


@worker()
async def report(options: dict[str, Any]) -> None: ...


def make_kiq(**options: Any) -> Kiq:
    """Return a `Kiq` whose Redis nobody could reach."""
    return Kiq(
        **{
            "redis_url": "redis://redis.invalid",
            "queues": {"default": 2, "mail": 2},
            "workers": [welcome, report],
            **options,
        }
    )
