"""Jobs that come by the clock.

REDIS_URL=embedded:// kiq-trio run periodic:kiq
"""

import trio

from kiq_trio import Kiq, periodic, worker


@periodic("0 6 * * MON-FRI", timezone="Europe/Berlin", name="report")
@worker(queue="mail")
async def send_report() -> None:
    """Tell how things are, before anybody is at work."""
    print("good morning")


@periodic("@daily", args=["attic"])
@periodic("0 8-20/4 * * *", args=["kitchen"], catch_up="skip", retry=False)
@worker(retry=5)
async def sweep(place: str) -> None:
    """Sweep, sooner or later; a kitchen that was missed is swept the next time."""
    print(f"swept the {place}")


kiq = Kiq(workers=[send_report, sweep], queues={"default": 5, "mail": 1})


async def main() -> None:
    """Run until somebody presses Control-C."""
    async with kiq:
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
