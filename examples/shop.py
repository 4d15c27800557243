"""A shop with jobs that are periodic, unique and expiring, and a reporter.

    cd examples
    export REDIS_URL=embedded://
    kiq-trio run shop:kiq            # in one terminal
    python shop.py                   # in another

`test_shop.py` tests it.
"""

import time

import trio

from kiq_trio import Aborted, Failed, Job, Kiq, Reporter, periodic, worker


@worker(queue="mail", retry=5, timeout=30, expires_in=300)
async def send_code(user_id: int, code: str) -> None:
    """Send a code to log in with, which is worth nothing after five minutes."""
    if user_id < 0:
        raise LookupError(f"there is no user {user_id}")
    print(f"to user {user_id}: your code is {code}", flush=True)


@worker(unique_for=600, timeout=120)
def index(product: str) -> None:
    """Make a product easy to find; as this blocks, it is plain and gets a thread."""
    time.sleep(0.5)
    print(f"{product} is indexed", flush=True)


@periodic("0 6 * * MON-FRI", timezone="Europe/Berlin", name="report")
@worker(retry=3)
async def print_report() -> None:
    """Tell how things are, before anybody is at work."""
    print("the report is printed", flush=True)


class Alarm(Reporter):
    """Speaks up when somebody is not sent a code."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def handle_failure(self, job: Job, outcome: Failed) -> None:
        """Say why; it will be tried again."""
        self.ring(job, str(outcome.error))

    async def handle_aborted(self, job: Job, outcome: Aborted) -> None:
        """Say that it is too late."""
        self.ring(job, outcome.reason)

    def ring(self, job: Job, reason: str) -> None:
        """Tell people, for jobs that matter."""
        if job.job_class == send_code.name:
            self.heard.append(reason)
            print(f"ALARM: no code for user {job.args[0]}: {reason}", flush=True)


alarm = Alarm()

kiq = Kiq(
    queues={"default": 10, "mail": 5},
    workers=[send_code, index, print_report],
    extra_reporters=[alarm],
)


async def main() -> None:
    """Enqueue some jobs, from a process that runs none."""
    async with Kiq(server=False) as client:
        await client.enqueue(send_code.new(42, code="1234"))
        await client.enqueue(send_code.new(-1, code="5678"))
        first = await client.enqueue(index.new("tea"))
        again = await client.enqueue(index.new("tea"))
        print("tea is to be indexed")
        print("once:", again.duplicate_of == first.jid)


if __name__ == "__main__":
    trio.run(main)
